"""`dev`: a private broker, keys and a service, in one command, until Ctrl-C."""

import shutil
import signal
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from toolwire.broker.node import PrivateNode
from toolwire.cli.dev_home import alone_in, forget_broker, prepare_home, write_settings
from toolwire.cli.loading import load_service
from toolwire.cli.logs import Level, log_to_stderr
from toolwire.cli.output import print_line, print_note
from toolwire.cli.stopping import ending_signals, interrupt, run_until_signal
from toolwire.client.home import Home
from toolwire.client.settings import DEFAULT_HOME, read_settings
from toolwire.contracts.errors import ConfigurationError
from toolwire.services import Service, ServiceSettings
from toolwire.services.tools import ToolSpec

BROKER_FOLDER = "broker"
EXAMPLES: Mapping[str, str] = {"numbers": "'[1, 2, 3]'", "seconds": "5", "payload": '\'{"task": "demo"}\''}
"""Values for the demo service's arguments."""


def dev(target: str, *, broker: str | None, home: Path | None, level: Level) -> int:
    """Serve with everything that it takes. Raises like `serve`, and `NodeError`."""
    log_to_stderr(level)
    for number in ending_signals():
        signal.signal(number, interrupt)  # until the replica listens: no broker is to be left behind
    service = load_service(target)
    place = Home(read_settings(ServiceSettings, home=home).home)
    with alone_in(place):
        forget_broker(place)
        secret = prepare_home(place, service.server_id)
        with _broker(read_settings(ServiceSettings, home=place.path, broker_url=broker), place) as url:
            write_settings(place, service.server_id, url)
            try:
                settings = read_settings(ServiceSettings, home=place.path, broker_url=url)
                return _serve(service, settings, secret)
            finally:
                forget_broker(place)


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


def _serve(service: Service[Any], settings: ServiceSettings, secret: str) -> int:
    replica = service.running(settings)

    async def start() -> None:
        await replica.__aenter__()
        for line in what_to_try(service, settings.home, secret):
            print_line(line)

    async def stop() -> None:
        await replica.__aexit__(None, None, None)

    return run_until_signal(start, stop, at_once=interrupt)


def what_to_try(service: Service[Any], home: Path, secret: str) -> Iterator[str]:
    """The text for somebody who has just started it."""
    yield f"\n{service.server_id} is running. Its keys, settings and records: {home.absolute()}"
    yield "Try in a second terminal, in this folder:\n"
    if home.absolute() != DEFAULT_HOME.absolute():
        yield f"    export TOOLWIRE_HOME={home.absolute()}"
    yield "    toolwire call server_identity"
    yield "    toolwire call list_tools"
    for spec in service.tools.values():
        yield f"    toolwire {_example(spec)}"
    yield f"    toolwire call server_identity --key {secret}    (signed with a shared secret instead)"
    yield "\nCtrl-C ends it.\n"


def _example(spec: ToolSpec) -> str:
    command = "call" if spec.kind == "tool" else "submit --wait"
    properties: JsonValue = spec.descriptor.inputSchema.get("properties")
    names = properties if isinstance(properties, dict) else {}
    return " ".join([command, spec.name, *(f"{name}={EXAMPLES.get(name, '…')}" for name in names)])
