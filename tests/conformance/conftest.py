"""Every test of this folder runs twice: over the broker in memory, and over RabbitMQ.

What a client can see must be the same, or `in_memory` would tell users lies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.served import Diary, service
from toolwire.broker.transport import AmqpTransport, Transport
from toolwire.testing import Bench, MemoryBroker

if TYPE_CHECKING:
    from toolwire.testing.brokers import Broker

CLIENTS = ("client-001", "client-002")
PATIENCE_S = 15.0
"""How long a test waits for what should happen at once; two busy cores may take their time."""


@pytest.fixture(scope="session", params=["memory", pytest.param("rabbitmq", marks=pytest.mark.broker)])
def rabbitmq(request: pytest.FixtureRequest) -> Broker | None:
    """The RabbitMQ of this run; None for the tests in memory, which need none."""
    return request.getfixturevalue("broker") if request.param == "rabbitmq" else None


@pytest.fixture
def transport(rabbitmq: Broker | None) -> Iterator[Transport]:
    """What carries the messages of one test."""
    if rabbitmq is None:
        yield MemoryBroker()
        return
    with rabbitmq.virtual_host() as url:
        yield AmqpTransport([url])


@pytest.fixture
def bench(transport: Transport) -> Bench:
    """The service of the end-to-end tests, its home in TOOLWIRE_HOME, and two clients."""
    return Bench(service, os.environ["TOOLWIRE_HOME"], transport, clients=CLIENTS, timeout=PATIENCE_S)


@pytest.fixture
def diary(bench: Bench) -> Diary:
    """What the tools write down, and the gates that they wait at."""
    return Diary(bench.home.path)
