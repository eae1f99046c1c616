"""The command line: which commands there are. Each file here has the options of a few of them.

Each command imports what it needs when it is called.
"""

from importlib.metadata import version
from typing import Annotated

import typer
from typer import Option

from toolwire.cli import exits
from toolwire.cli.commands import aside, asking, doctor, health, jobs, keys, new, serving, stubs, tools

app = typer.Typer(
    name="toolwire",
    epilog=exits.HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"toolwire {version('toolwire')}")
        raise typer.Exit


@app.callback()
def toolwire(
    _version: Annotated[
        bool, Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Runs tools for software agents over RabbitMQ, with every message signed."""


for command in (
    new.new,
    serving.dev,
    serving.serve,
    asking.call,
    asking.submit,
    asking.poll,
    asking.watch,
    jobs.answer,
    jobs.cancel,
    stubs.stubs,
    doctor.doctor,
    health.health,
):
    app.command(epilog=exits.HELP)(command)

app.add_typer(jobs.app, name="jobs")
app.add_typer(tools.app, name="tools")
app.add_typer(keys.app, name="keys")
app.add_typer(aside.dead, name="dead")
app.add_typer(aside.junk, name="junk")
