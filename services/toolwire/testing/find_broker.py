"""Which kind of broker this machine can offer: `python -m toolwire.testing.find_broker tests|demo` prints it.

Tests prefer a container, because it is the newest RabbitMQ and leaves nothing behind. The demo prefers an
installed RabbitMQ, which is up sooner. A broker that TOOLWIRE_BROKER_URL names comes first for both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import get_args
from urllib.parse import urlsplit

from toolwire.broker.greeting import broker_version
from toolwire.broker.node import PrivateNode
from toolwire.testing.brokers import Kind
from toolwire.testing.finding import NotToBeHad, first_of, named_in, why_no_container

FOR_TESTS: tuple[Kind, ...] = ("url", "container", "node")
FOR_DEMO: tuple[Kind, ...] = ("url", "node", "container")
NO_BROKER = 3  # the exit code of every "this machine lacks something, and here is what to type"


class NoBroker(NotToBeHad):
    """No broker can be had on this machine; the message lists what was looked for."""


def find_broker(order: Sequence[Kind]) -> Kind:
    """Return the first kind of broker that can be had, and pull the container's image where that is missing.

    What somebody asked for ends the search: TOOLWIRE_TEST_BROKER names a kind, TOOLWIRE_BROKER_URL a broker.
    Raises NoBroker.
    """
    usual: Sequence[Kind] = ["url"] if os.environ.get("TOOLWIRE_BROKER_URL") else order
    try:
        kinds = named_in(os.environ, "TOOLWIRE_TEST_BROKER", get_args(Kind)) or usual
        return first_of("RabbitMQ", kinds, _why_not)
    except NotToBeHad as error:
        raise NoBroker(str(error)) from None


def find_version(series: str) -> tuple[Kind, str]:
    """Return the kind of broker that is RabbitMQ `series`, such as 4.0, and the image for one in a container.

    An installed one is taken where it is of that series. Raises NoBroker, saying what to do.
    """
    image = f"rabbitmq:{series}-management"
    installed = PrivateNode.installed_version()
    if installed is not None and installed.startswith(f"{series}."):
        return "node", image
    reason = why_no_container(lambda: image)
    if reason is None:
        return "container", image
    raise NoBroker(
        f"no RabbitMQ {series} to be had: installed is {installed or 'none'}, and {reason}\n"
        f"Install rabbitmq-server {series}, or start a Docker engine and type:\n    docker pull {image}"
    )


def _why_not(kind: Kind) -> str | None:
    match kind:
        case "url":
            return _why_no_answer()
        case "container":
            return why_no_container(_image)
        case "node":
            return None if PrivateNode.installed() else "no rabbitmq-server is installed"


def _why_no_answer() -> str | None:
    url = os.environ.get("TOOLWIRE_BROKER_URL")
    if not url:
        return "TOOLWIRE_BROKER_URL is not set"
    try:
        broker_version(url)
    except OSError as error:
        # Without the name and the password, which have no place in a log.
        return f"nothing speaks AMQP at {urlsplit(url).hostname}, which TOOLWIRE_BROKER_URL names ({error})"
    return None


def _image() -> str:
    from toolwire.testing.containers import image_name

    return image_name()


def main() -> int:
    """Print the kind of broker for `tests` or `demo`, or say what is missing and return NO_BROKER."""
    try:
        print(find_broker(FOR_DEMO if sys.argv[1:] == ["demo"] else FOR_TESTS))
    except NoBroker as error:
        print(f"toolwire: {error}", file=sys.stderr)
        return NO_BROKER
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
