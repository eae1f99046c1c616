"""`dev` and `serve`: what serves."""

from typing import Annotated

import typer
from typer import Option

from toolwire.cli import options
from toolwire.cli.logs import Level, LogFormat

LogLevel = Annotated[Level, Option("--log-level", help="From how serious on a record goes to stderr.")]
Reload = Annotated[
    bool, Option("--reload", help="Start again whenever a .py file in this folder changes. For development.")
]
Format = Annotated[LogFormat, Option("--log-format", help="How: a line for people, or a JSON object.")]


def dev(
    target: Annotated[
        str, typer.Argument(metavar="[MODULE:ATTR]", help="The service; the demo service otherwise.")
    ] = "toolwire.services.demo:service",
    broker: options.Broker = None,
    home: options.Home = None,
    reload: Reload = False,
    log_level: LogLevel = Level.INFO,
    log_format: Format = LogFormat.TEXT,
) -> int:
    """Start all that a first call needs: a private broker, keys, and a service.

    Everything is kept in TOOLWIRE_HOME (./.toolwire), where the other commands find it.
    """
    from toolwire.cli.dev import dev

    return dev(target, broker=broker, home=home, level=log_level, log_format=log_format, reload=reload)


def serve(
    target: options.Target,
    broker: options.Broker = None,
    home: options.Home = None,
    store: Annotated[
        str | None,
        Option(
            "--store",
            metavar="URL",
            help="Where records are kept: sqlite:///store.sqlite3. Otherwise: TOOLWIRE_STORE, or the home.",
        ),
    ] = None,
    places: Annotated[
        int | None,
        Option(
            "--places",
            metavar="N",
            help="Calls that run at the same time. Otherwise: TOOLWIRE_PLACES, or 32.",
        ),
    ] = None,
    job_slots: Annotated[
        int | None,
        Option(
            "--job-slots",
            metavar="N",
            help="Jobs that run at the same time. Otherwise: TOOLWIRE_JOB_SLOTS, or 4.",
        ),
    ] = None,
    lease: Annotated[
        float | None,
        Option(
            "--lease",
            metavar="SECONDS",
            help="How long a lost replica's jobs wait to be taken over. Otherwise: TOOLWIRE_LEASE_S, or 15.",
        ),
    ] = None,
    grace: Annotated[
        float | None,
        Option(
            "--grace",
            metavar="SECONDS",
            help="How long running tools may take to finish at the end. Otherwise: TOOLWIRE_GRACE_S, or 20.",
        ),
    ] = None,
    result_ttl: Annotated[
        float | None,
        Option(
            "--result-ttl",
            metavar="SECONDS",
            help="How long results are kept. Otherwise: TOOLWIRE_RESULT_TTL_S, or a day.",
        ),
    ] = None,
    http: Annotated[
        str | None,
        Option(
            "--http",
            metavar="HOST:PORT",
            help="Where /healthz, /readyz and /metrics are answered. Otherwise: TOOLWIRE_HTTP, or nowhere.",
        ),
    ] = None,
    reload: Reload = False,
    log_level: LogLevel = Level.INFO,
    log_format: Format = LogFormat.TEXT,
) -> int:
    """Run one replica of a service, until SIGTERM, SIGINT, or the terminal closes.

    It then takes nothing more, finishes what runs or hands it back, and ends with 0. A second signal ends it
    at once, with 130: nothing that was accepted is lost then either.
    """
    from toolwire.cli.serving import serve, serve_reloading

    return (serve_reloading if reload else serve)(
        target,
        log_level,
        log_format,
        broker_url=broker,
        home=home,
        store=store,
        places=places,
        job_slots=job_slots,
        lease_s=lease,
        grace_s=grace,
        result_ttl_s=result_ttl,
        http=http,
    )
