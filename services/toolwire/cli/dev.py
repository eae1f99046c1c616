"""`dev`: a private broker, keys and a service, in one command, until Ctrl-C."""

import shutil
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolwire.broker.node import PrivateNode
from toolwire.cli.dev_home import alone_in, forget_broker, prepare_home, write_settings
from toolwire.cli.examples import command_line
from toolwire.cli.loading import load_service
from toolwire.cli.logs import Level, LogFormat, log_to_stderr
from toolwire.cli.output import print_line, print_note
from toolwire.cli.reloading import keep_reloading
from toolwire.cli.stopping import ending_signals, interrupt, run_until_signal
from toolwire.client.home import Home
from toolwire.client.settings import DEFAULT_HOME, read_settings
from toolwire.contracts.errors import ConfigurationError
from toolwire.services import Service, ServiceSettings

BROKER_FOLDER = "broker"


def dev(
    target: str, *, broker: str | None, home: Path | None, level: Level, log_format: LogFormat, reload: bool
) -> int:
    """Serve with everything that it takes. Raises like `serve`, and `NodeError`."""
    log_to_stderr(level, log_format)
    for number in ending_signals():
        signal.signal(number, interrupt)  # until the replica listens: no broker is to be left behind
    service = None if reload else load_service(target)
    place = Home(read_settings(ServiceSettings, home=home).home)
    with alone_in(place):
        forget_broker(place)
        with _broker(read_settings(ServiceSettings, home=place.path, broker_url=broker), place) as url:
            try:
                if service is not None:
                    return _serve(service, place, url, quiet=False)
                settings = read_settings(ServiceSettings, home=place.path, broker_url=url)
                given = {"target": target, "home": place.path, "url": url}
                return keep_reloading("dev", {**given, "level": level, "log_format": log_format}, settings)
            finally:
                forget_broker(place)


def serve_developed(
    target: str, *, home: str, url: str, level: Level, log_format: LogFormat, again: bool
) -> int:
    """Serve what was just written, on the broker that `dev` has started. `again`: not for the first time."""
    log_to_stderr(level, log_format)
    return _serve(load_service(target), Home(Path(home)), url, quiet=again)


@contextmanager
def _broker(settings: ServiceSettings, place: Home) -> Generator[str]:
    """The broker that the settings name or, for as long as the block lasts, a private node."""
    if settings.broker_url:
        yield ",".join(settings.broker_url)
        return
    if PrivateNode.installed() is None:
        raise ConfigurationError(no_rabbitmq())
    print_note("starting a private RabbitMQ on 127.0.0.1 …")
    with PrivateNode(place.path / BROKER_FOLDER) as node:
        yield node.url


def no_rabbitmq() -> str:
    """What to type where there is no RabbitMQ."""
    commands = {
        "apt-get": "sudo apt-get install rabbitmq-server",
        "dnf": "sudo dnf install rabbitmq-server",
        "brew": "brew install rabbitmq",
    }
    fitting = [command for name, command in commands.items() if shutil.which(name)]
    install = fitting[0] if fitting else "install rabbitmq-server with your system's package manager"
    return (
        f"no broker is named and no rabbitmq-server is installed. Install one:\n    {install}\n"
        "or run one in a container:\n"
        "    docker run --detach --publish 127.0.0.1:5672:5672 rabbitmq:4\n"
        "    toolwire dev --broker amqp://guest:guest@127.0.0.1:5672/"
    )


def _serve(service: Service[Any], place: Home, url: str, *, quiet: bool) -> int:
    secret = prepare_home(place, service.server_id)
    write_settings(place, service.server_id, url)
    replica = service.running(read_settings(ServiceSettings, home=place.path, broker_url=url))

    def tell() -> None:
        for line in () if quiet else what_to_try(service, place.path, secret):
            print_line(line)

    return run_until_signal(replica, on_ready=tell, at_once=interrupt)


def what_to_try(service: Service[Any], home: Path, secret: str) -> Iterator[str]:
    """The text for somebody who has just started it."""
    yield f"\n{service.server_id} is running. Its keys, settings and records: {home.absolute()}"
    yield "Try in a second terminal, in this folder:\n"
    if home.absolute() != DEFAULT_HOME.absolute():
        yield f"    export TOOLWIRE_HOME={home.absolute()}"
    yield "    toolwire call server_identity"
    yield "    toolwire tools list"
    for spec in service.tools.values():
        yield f"    {command_line(spec.descriptor)}"
    yield f"    toolwire call server_identity --key {secret}    (signed with a shared secret instead)"
    yield "\nCtrl-C ends it.\n"
