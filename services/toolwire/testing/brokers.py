"""A running RabbitMQ for tests: the one at a given URL, one in a container, or a private node."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from toolwire.broker.greeting import broker_version
from toolwire.broker.management import Management
from toolwire.broker.node import PrivateNode

Kind = Literal["url", "container", "node"]

DESCRIPTIONS: dict[Kind, str] = {
    "url": "at the given URL",
    "container": "in a container",
    "node": "private node",
}


TICK_MS = 1_000
"""How often a channel looks at its consumer timeout, where that is not RabbitMQ's own."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A RabbitMQ that is up.

    `url` is `amqp://user:password@host:port/virtual-host`. `management` is None where virtual hosts cannot be
    created. `version` is None where the broker does not tell it. `consumer_timeout_s` is how long a consumer
    may hold a message; None where that is RabbitMQ's own half an hour, or not known.
    """

    url: str
    kind: Kind
    version: str | None
    management: Management | None
    consumer_timeout_s: float | None = None

    def __str__(self) -> str:
        return f"RabbitMQ {self.version or '(version unknown)'}, {DESCRIPTIONS[self.kind]}"

    @contextmanager
    def virtual_host(self) -> Generator[str]:
        """Give the URL of a fresh virtual host, and delete it with all that is in it at the end of the block.

        Without the management API it is the broker's own URL: tests use unique names anyway.
        """
        if self.management is None:
            yield self.url
            return
        name = f"toolwire-test-{secrets.token_hex(6)}"
        self.management.create_virtual_host(name)
        try:
            yield with_virtual_host(self.url, name)
        finally:
            self.management.delete_virtual_host(name)


@contextmanager
def running_broker(kind: Kind, *, consumer_timeout_s: float | None = None) -> Generator[Broker]:
    """Run a broker of that kind until the block ends; one at a URL runs already and is only looked at.

    `consumer_timeout_s`: how long consumers of a broker that is started here may hold a message.
    Raises OSError when nothing answers at the URL, ContainerUnavailable and NodeError as their names say.
    """
    server = _consumer_timeout(consumer_timeout_s)
    match kind:
        case "url":
            url = os.environ["TOOLWIRE_BROKER_URL"]
            yield _look(kind, url, Management.beside(url))
        case "container":
            # Imported here: docker and requests take a third of a second, which unit tests need not wait for.
            from toolwire.testing.containers import container_broker, image_name

            with container_broker(image_name(), server) as container:
                management = Management(container.management_url)
                yield _look(kind, container.url, management, consumer_timeout_s)
        case "node":
            with PrivateNode(management=True, server=server) as node:
                credentials = f"{node.user}:{node.password}"
                management = Management(f"http://{credentials}@127.0.0.1:{node.management_port}")
                yield _look(kind, node.url, management, consumer_timeout_s)


def with_virtual_host(url: str, name: str) -> str:
    """Return the broker's URL with `name` for its virtual host."""
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(name, safe="")))


def _consumer_timeout(seconds: float | None) -> dict[str, int]:
    """The server's settings for it. Before 4.3 a channel looks once a minute whether one holds too long."""
    if seconds is None:
        return {}
    return {"consumer_timeout": round(seconds * 1000), "channel_tick_interval": TICK_MS}


def _look(kind: Kind, url: str, management: Management, consumer_timeout_s: float | None = None) -> Broker:
    return Broker(
        url=url,
        kind=kind,
        version=broker_version(url),
        management=management if management.may_administer() else None,
        consumer_timeout_s=consumer_timeout_s,
    )
