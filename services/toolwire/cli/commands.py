"""The command line: which options there are, and which function they start.

Each command imports what it needs when it is called.
"""

from importlib.metadata import version
from typing import Annotated

import typer
from typer import Option

from toolwire.cli import exits, options
from toolwire.cli.logs import Level
from toolwire.cli.running import run

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


LogLevel = Annotated[Level, Option("--log-level", help="From how serious on a record goes to stderr.")]


@app.command(epilog=exits.HELP)
def dev(
    target: Annotated[
        str, typer.Argument(metavar="[MODULE:ATTR]", help="The service; the demo service otherwise.")
    ] = "toolwire.services.demo:service",
    broker: options.Broker = None,
    home: options.Home = None,
    log_level: LogLevel = Level.INFO,
) -> int:
    """Start all that a first call needs: a private broker, keys, and a service.

    Everything is kept in TOOLWIRE_HOME (./.toolwire), where the other commands find it.
    """
    from toolwire.cli.dev import dev

    return dev(target, broker=broker, home=home, level=log_level)


@app.command(epilog=exits.HELP)
def serve(
    target: options.Target,
    broker: options.Broker = None,
    home: options.Home = None,
    store: Annotated[
        str | None,
        Option("--store", metavar="URL", help="Where records are kept, such as sqlite:///store.sqlite3."),
    ] = None,
    places: Annotated[
        int | None, Option("--places", metavar="N", help="Calls that run at the same time.")
    ] = None,
    job_slots: Annotated[
        int | None, Option("--job-slots", metavar="N", help="Jobs that run at the same time.")
    ] = None,
    lease: Annotated[
        float | None,
        Option("--lease", metavar="SECONDS", help="How long a lost replica's jobs wait to be taken over."),
    ] = None,
    grace: Annotated[
        float | None,
        Option("--grace", metavar="SECONDS", help="How long running tools may take to finish at the end."),
    ] = None,
    result_ttl: Annotated[
        float | None, Option("--result-ttl", metavar="SECONDS", help="How long results are kept.")
    ] = None,
    log_level: LogLevel = Level.INFO,
) -> int:
    """Run one replica of a service, until SIGTERM, SIGINT, or the terminal closes.

    It then takes nothing more, finishes what runs or hands it back, and ends with 0. A second signal ends it
    at once, with 130: nothing that was accepted is lost then either.
    """
    from toolwire.cli.serving import serve

    return serve(
        target,
        log_level,
        broker_url=broker,
        home=home,
        store=store,
        places=places,
        job_slots=job_slots,
        lease_s=lease,
        grace_s=grace,
        result_ttl_s=result_ttl,
    )


@app.command(epilog=exits.HELP)
def call(
    tool: options.Tool,
    pairs: options.Pairs = None,
    document: options.Document = None,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    request_id: options.RequestId = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Call a tool and print its result: toolwire call batch_sum numbers='[1, 2, 3]'."""
    from toolwire.cli import arguments, asking

    who = asking.Asking(server, client, key, timeout, broker, home, as_json)
    return run(asking.call(who, tool, arguments.read_arguments(pairs or (), document), request_id))


@app.command(epilog=exits.HELP)
def submit(
    tool: options.Tool,
    pairs: options.Pairs = None,
    document: options.Document = None,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    request_id: options.RequestId = None,
    deadline: Annotated[
        float | None,
        Option("--deadline", metavar="SECONDS", help="How long the job may take; a day otherwise."),
    ] = None,
    wait: Annotated[bool, Option("--wait", help="Follow the job to its end and print its result.")] = False,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Submit a job and print its id: toolwire submit start_long_task seconds=5."""
    from toolwire.cli import arguments, asking

    who = asking.Asking(server, client, key, timeout, broker, home, as_json)
    given = arguments.read_arguments(pairs or (), document)
    return run(asking.submit(who, tool, given, request_id=request_id, deadline=deadline, wait=wait))


@app.command(epilog=exits.HELP)
def poll(
    job_id: options.JobId,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: options.Timeout = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Print how a job stands now. The exit code tells of the poll, not of the job."""
    from toolwire.cli import asking

    return run(asking.poll(asking.Asking(server, client, key, timeout, broker, home, as_json), job_id))


@app.command(epilog=exits.HELP)
def watch(
    job_id: options.JobId,
    server: options.Server = None,
    client: options.ClientId = None,
    key: options.KeyId = None,
    timeout: Annotated[
        float | None,
        Option("--timeout", metavar="SECONDS", help="How long to watch; to the job's end otherwise."),
    ] = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Print a job's events as they come, to its end; then its result. With --json: one event a line."""
    from toolwire.cli import asking

    who = asking.Asking(server, client, key, None, broker, home, as_json)
    return run(asking.watch(who, job_id, patience=timeout))
