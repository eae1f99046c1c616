"""`tools`: what a server offers."""

from typing import Annotated

import typer
from typer import Option

from toolwire.cli import exits, options
from toolwire.cli.running import run

app = typer.Typer(help="What a server offers to this client.", no_args_is_help=True)


@app.command("list", epilog=exits.HELP)
def list_tools(
    everything: Annotated[bool, Option("--all", help="Also the tools that every server has.")] = False,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """List the tools that this client may use."""
    from toolwire.cli import tools
    from toolwire.cli.asking import Asking

    who = Asking(server, client, key, timeout, broker, home, as_json)
    return run(tools.list_tools(who, everything=everything))


@app.command(epilog=exits.HELP)
def describe(
    tool: options.Tool,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Show a tool's arguments, result and manners, and a command that calls it, to be pasted."""
    from toolwire.cli import tools
    from toolwire.cli.asking import Asking

    return run(tools.describe(Asking(server, client, key, timeout, broker, home, as_json), tool))
