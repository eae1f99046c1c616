"""`doctor`: what looks whether everything is as it should be."""

from typing import Annotated

from typer import Option

from toolwire.cli import options
from toolwire.cli.running import run


def doctor(
    only: Annotated[
        str | None,
        Option(
            "--only",
            metavar="AREA,…",
            help="Look at these alone: home (and keys), broker, permissions, queues, service, clock, store.",
        ),
    ] = None,
    management: Annotated[
        str | None,
        Option(
            "--management",
            metavar="URL",
            help="The broker's management API: http://user:password@host:15672. Otherwise port 15672 (with "
            "amqps 15671) beside the broker, as the broker's user.",
        ),
    ] = None,
    server: options.Server = None,
    client: options.ClientId = None,
    store: Annotated[
        str | None, Option("--store", metavar="URL", help="The service's store; read, never written.")
    ] = None,
    broker: options.Broker = None,
    home: options.Home = None,
    as_json: options.AsJson = False,
) -> int:
    """Look at settings, keys, broker, queues, service, clocks and store: what is wrong, and what to do.

    Changes nothing. The exit code is 0 where nothing is worse than a warning, and 1 where there is an error.
    """
    from toolwire.cli.doctor.visit import visit

    given = {"server": server, "client": client, "store": store, "broker_url": broker, "home": home}
    return run(visit(given, only=only, management=management, as_json=as_json))
