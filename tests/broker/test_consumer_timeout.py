"""RabbitMQ takes back what a consumer holds for too long: no replica does, however long its tools run.

The broker of the tests allows seconds where RabbitMQ allows half an hour. The clock here is a consumer that
never acks: when the broker has taken its message back, whatever was under way before has taken longer.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace

import pytest

from tests.served import bake, book, peek, ship
from tests.stage import Stage
from tests.waiting import wait_until
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import Queue, call_queue, request_route
from toolwire.broker.transport import AmqpTransport
from toolwire.client import NoReplica
from toolwire.testing.brokers import Broker

SOON_S = 15.0
SLACK_S = 5.0
"""How much later than its timeout a broker may act: it looks once a second, on a busy machine."""
PATIENT_S = 60.0
WAITING = 20

pytestmark = [pytest.mark.promise("P4", "P8"), pytest.mark.timeout(120)]


@pytest.fixture
def timeout_s(broker: Broker) -> float:
    """How long a consumer may hold a message here."""
    if broker.kind == "url":
        pytest.skip("the consumer timeout of the broker at TOOLWIRE_BROKER_URL is its operator's to set")
    assert broker.consumer_timeout_s is not None
    return broker.consumer_timeout_s


class Watched(AmqpTransport):
    """RabbitMQ, and what came of it to the one replica that uses this."""

    def __init__(self, url: str) -> None:
        self.reconnected: list[str] = []
        self.redelivered: list[str] = []
        """The tools of the requests that came again."""
        self.ready = 0
        """How often everything was consumed again, the first time included."""
        super().__init__([url], on_reconnect=self.reconnected.append)

    def consumer(
        self, *, name: str, subscriptions: Sequence[Subscription], declare: Sequence[Queue] = ()
    ) -> Consumer:
        calls, *others = subscriptions

        def handle(delivery: Delivery) -> None:
            if delivery.redelivered:
                self.redelivered.append(delivery.routing_key)
            calls.handler(delivery)

        consumer = super().consumer(
            name=name, subscriptions=[replace(calls, handler=handle), *others], declare=declare
        )
        consumer.on_ready.append(self._count)
        return consumer

    def _count(self, _: Sequence[str]) -> None:
        self.ready += 1


@asynccontextmanager
async def holding(url: str) -> AsyncGenerator[list[float]]:
    """When a consumer that never acks got its one message, each time; its queue is like that of a server."""
    queue, route = call_queue("hoarder"), request_route("hoarder", "add")
    got: list[float] = []
    hoarder = Subscription(lambda: queue, 1, lambda _: got.append(time.monotonic()))
    async with (
        Publisher([url], name="hoarder", declare=[queue]) as publisher,
        Consumer([url], name="hoarder", subscriptions=[hoarder]),
    ):
        await publisher.wait_connected(SOON_S)
        await publisher.publish(Outgoing(route, b"{}", "request", "message-1"), timeout=SOON_S)
        await wait_until(lambda: got, SOON_S, "the message is held")
        yield got


async def taken_back(got: list[float], timeout_s: float) -> None:
    """Wait until the broker has taken back what is held, which is when it comes again."""
    await wait_until(lambda: len(got) > 1, timeout_s + 2 * SLACK_S, "the consumer timeout is in force")
    assert timeout_s - 1 < got[1] - got[0] < timeout_s + SLACK_S


async def test_what_runs_for_longer_than_the_timeout_ends_well_and_once(
    stage: Stage, timeout_s: float
) -> None:
    """Two calls have all places, a job runs, and many calls wait for a place all that time."""
    transport = Watched(stage.url)
    async with (
        stage.replica(transport=transport, places=2),
        stage.client(timeout=PATIENT_S) as client,
    ):
        reading = asyncio.create_task(client.call(peek, "gate"))
        changing = asyncio.create_task(client.call(ship, "gate"))
        job = await client.submit(bake, "gate")
        for line in ("peek gate", "ship gate", "bake gate 1"):
            await stage.noted(line)
        waiting = [asyncio.create_task(client.call(book, str(number))) for number in range(WAITING)]
        async with holding(stage.url) as got:
            await taken_back(got, timeout_s)
        assert not any(call.done() for call in (reading, changing, *waiting))
        stage.diary.open("gate")
        assert [await reading, await changing] == ["gate", "gate"]
        assert (await job.result(timeout=SOON_S)).attempt == 1
        await asyncio.gather(*waiting)
        assert (await job.poll()).attempt == 1
    assert (transport.redelivered, transport.reconnected, transport.ready) == ([], [], 1)
    booked = [f"book {number}" for number in range(WAITING)]
    once = ["peek gate", "ship gate", "bake gate 1", "bake gate 1 is over", *booked]
    assert sorted(stage.diary.lines()) == sorted(once)


async def test_a_store_that_is_away_for_longer_than_the_timeout_holds_no_delivery(
    stage: Stage, timeout_s: float
) -> None:
    """One call has ended and cannot be recorded, another cannot even be looked up."""
    transport = Watched(stage.url)
    async with (
        stage.replica(transport=transport) as replica,
        stage.client(timeout=PATIENT_S) as client,
    ):
        ended, new = client.options(request_id="ended"), client.options(request_id="new")
        shipping = asyncio.create_task(ended.call(ship, "gate"))
        await stage.noted("ship gate")
        with closing(sqlite3.connect(stage.home.store_file, isolation_level=None)) as hog:
            hog.execute("BEGIN IMMEDIATE")
            stage.diary.open("gate")
            booking = asyncio.create_task(new.call(book, "new"))
            async with holding(stage.url) as got:
                await taken_back(got, timeout_s)
        # A replica that takes no requests may look like none meanwhile.
        first = await asyncio.gather(shipping, booking, return_exceptions=True)
        assert all(each in ("gate", 2) or isinstance(each, NoReplica) for each in first)
        assert [await ended.call(ship, "gate"), await new.call(book, "new")] == ["gate", 2]
        assert replica.counts["refused.unavailable"] > 0, "what waited for the store was not held, either"
    assert (transport.redelivered, transport.reconnected) == ([], [])
    assert stage.diary.lines() == ["ship gate", "book new"]
