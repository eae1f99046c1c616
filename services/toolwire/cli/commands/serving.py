"""`dev` and `serve`: what serves."""

from typing import Annotated

import typer
from typer import Option

from toolwire.cli import options
from toolwire.cli.logs import Level

LogLevel = Annotated[Level, Option("--log-level", help="From how serious on a record goes to stderr.")]


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
