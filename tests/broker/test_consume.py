"""Deliveries are handed over, settled once, and come again when they were not."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import pytest

from tests.adversity.raw_amqp import RawPublisher
from tests.waiting import wait_until
from toolwire.broker import topology
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.errors import AccessDenied, Away, Closed, Misdeclared
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import Queue, Route

SERVER = "server-1"
CALLS = topology.call_queue(SERVER)
ids = count()


def request(body: bytes = b"{}") -> Outgoing:
    return Outgoing(topology.request_route(SERVER, "add"), body, "request", f"message-{next(ids)}")


def to(route: Route, body: bytes) -> Outgoing:
    return Outgoing(route, body, "response", f"message-{next(ids)}")


@dataclass
class Inbox:
    """What a consumer has received and become."""

    consumer: Consumer
    deliveries: asyncio.Queue[Delivery]
    connects: list[Sequence[str]] = field(default_factory=list[Sequence[str]])

    async def next(self) -> Delivery:
        return await asyncio.wait_for(self.deliveries.get(), 15)


def same(queue: Queue) -> Queue:
    return queue


@asynccontextmanager
async def consuming(
    url: str, *queues: Queue, prefetch: int = 10, acks: bool = True
) -> AsyncGenerator[Inbox, None]:
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    subscriptions = [
        Subscription(partial(same, queue), prefetch, deliveries.put_nowait, acks)
        for queue in queues or (CALLS,)
    ]
    dead = topology.dead_queue(SERVER)
    consumer = Consumer([url], name="test", subscriptions=subscriptions, declare=[dead])
    inbox = Inbox(consumer, deliveries)
    consumer.on_ready.append(inbox.connects.append)
    async with consumer:
        await consumer.wait_ready(15)
        yield inbox


@pytest.fixture
async def publisher(vhost_url: str) -> AsyncGenerator[Publisher, None]:
    async with Publisher([vhost_url], name="test", declare=[CALLS]) as publisher:
        yield publisher


async def test_every_queue_can_be_declared_twice_and_consumed(vhost_url: str, publisher: Publisher) -> None:
    """On every version: the arguments are legal, and equal to themselves."""
    queues = [
        CALLS,
        topology.job_queue(SERVER),
        topology.dead_queue(SERVER),
        topology.junk_queue(SERVER),
        topology.control_queue(SERVER, "replica-1"),
        topology.named_reply_queue("client-1", "main"),
        topology.fresh_reply_queue("client-2", "other"),
    ]
    for _ in range(2):
        async with consuming(vhost_url, *queues) as inbox:
            assert inbox.connects == [[queue.name for queue in queues]]
            routes = [
                topology.request_route(SERVER, "files.read"),
                topology.job_route(SERVER),
                topology.dead_route(SERVER),
                topology.junk_route(SERVER),
                topology.control_route(SERVER),
                topology.reply_route("client-1", "main"),
                topology.reply_route("client-2", "other"),
            ]
            for route in routes:
                await publisher.publish(to(route, b"x"), timeout=15)
                delivery = await inbox.next()
                assert (delivery.exchange, delivery.routing_key) == (route.exchange, route.key)
                assert await delivery.ack()


async def test_deliveries_are_handed_over_in_order_and_up_to_the_prefetch(
    vhost_url: str, publisher: Publisher
) -> None:
    async with consuming(vhost_url, prefetch=3) as inbox:
        for number in range(6):
            await publisher.publish(request(b"%d" % number), timeout=15)
        first = [await inbox.next() for _ in range(3)]
        assert [delivery.body for delivery in first] == [b"0", b"1", b"2"]
        assert inbox.deliveries.empty()
        for delivery in first:
            assert await delivery.ack()
        assert [(await inbox.next()).body for _ in range(3)] == [b"3", b"4", b"5"]


async def test_a_delivery_is_settled_once(vhost_url: str, publisher: Publisher) -> None:
    """A second ack would be a protocol error, and close the channel with all that is on it."""
    async with consuming(vhost_url) as inbox:
        await publisher.publish(request(b"1"), timeout=15)
        delivery = await inbox.next()
        assert await delivery.ack()
        assert not await delivery.ack()
        assert not await delivery.reject(requeue=True)
        await publisher.publish(request(b"2"), timeout=15)
        assert await (await inbox.next()).ack()
        assert len(inbox.connects) == 1


async def test_what_is_requeued_comes_again(vhost_url: str, publisher: Publisher) -> None:
    async with consuming(vhost_url) as inbox:
        await publisher.publish(request(), timeout=15)
        first = await inbox.next()
        assert not first.redelivered
        assert await first.reject(requeue=True)
        assert (await inbox.next()).redelivered


@pytest.mark.promise("P8")
async def test_what_is_rejected_or_requeued_too_often_is_kept_with_the_dead(
    vhost_url: str, publisher: Publisher
) -> None:
    """`reject` counts toward the delivery limit on every version, so a requeue loop ends."""
    async with consuming(vhost_url) as inbox, consuming(vhost_url, topology.dead_queue(SERVER)) as dead:
        await publisher.publish(request(b"given up"), timeout=15)
        assert await (await inbox.next()).reject(requeue=False)
        delivery = await dead.next()
        assert (delivery.body, delivery.routing_key) == (b"given up", "server-1.add")
        assert await delivery.ack()

        await publisher.publish(request(b"looping"), timeout=15)
        tries = 0
        while dead.deliveries.empty():
            try:
                delivery = await asyncio.wait_for(inbox.deliveries.get(), 0.5)
            except TimeoutError:
                continue
            tries += 1
            assert await delivery.reject(requeue=True)
        assert tries == int(CALLS.arguments["x-delivery-limit"]) + 1
        assert (await dead.next()).body == b"looping"


@pytest.mark.promise("P9")
async def test_a_handler_that_fails_costs_its_message(
    vhost_url: str, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    handled: asyncio.Queue[bytes] = asyncio.Queue()

    def handle(delivery: Delivery) -> None:
        if delivery.body == b"bad":
            raise ValueError("a fault of ours")
        handled.put_nowait(delivery.body)

    calls = Subscription(lambda: CALLS, 10, handle)
    async with (
        Consumer([vhost_url], name="test", subscriptions=[calls]) as consumer,
        consuming(vhost_url, topology.dead_queue(SERVER)) as dead,
    ):
        await consumer.wait_ready(15)
        await publisher.publish(request(b"bad"), timeout=15)
        await publisher.publish(request(b"good"), timeout=15)
        assert await asyncio.wait_for(handled.get(), 15) == b"good"
        assert (await dead.next()).body == b"bad"
    assert "a fault of ours" in caplog.text


async def test_a_paused_consumer_gets_nothing_new_and_may_still_ack(
    vhost_url: str, publisher: Publisher
) -> None:
    async with consuming(vhost_url) as inbox:
        await publisher.publish(request(b"before"), timeout=15)
        before = await inbox.next()
        await inbox.consumer.pause()
        assert not inbox.consumer.ready
        await publisher.publish(request(b"meanwhile"), timeout=15)
        assert await before.ack()
        assert inbox.deliveries.empty()
        await inbox.consumer.resume()
        await inbox.consumer.wait_ready(15)
        meanwhile = await inbox.next()
        assert (meanwhile.body, meanwhile.redelivered) == (b"meanwhile", False)


async def test_a_consumer_that_the_broker_cancels_comes_back(vhost_url: str, publisher: Publisher) -> None:
    """Here because its queue is deleted; 4.3 also cancels one that holds a message for too long."""
    async with consuming(vhost_url) as inbox:
        async with RawPublisher(vhost_url) as raw:
            await raw.delete_queue(CALLS.name)
        await wait_until(lambda: len(inbox.connects) == 2, 15, "the queue is consumed again")
        await publisher.publish(request(b"again"), timeout=15)
        assert (await inbox.next()).body == b"again"


async def test_a_second_consumer_of_a_named_instance_is_told(vhost_url: str, publisher: Publisher) -> None:
    queue = topology.named_reply_queue("client-1", "main")
    async with consuming(vhost_url, queue) as inbox:
        second = Consumer([vhost_url], name="second", subscriptions=[Subscription(lambda: queue, 1, print)])
        async with second:
            with pytest.raises(AccessDenied, match=r"tw\.reply\.client-1\.main"):
                await second.wait_ready(15)
        await publisher.publish(to(topology.reply_route("client-1", "main"), b"answer"), timeout=15)
        assert (await inbox.next()).body == b"answer"


async def test_answers_wait_for_a_named_instance_that_is_away(vhost_url: str, publisher: Publisher) -> None:
    queue = topology.named_reply_queue("client-1", "main")
    async with consuming(vhost_url, queue):
        pass
    await publisher.publish(to(topology.reply_route("client-1", "main"), b"answer"), timeout=15)
    async with consuming(vhost_url, queue) as inbox:
        assert (await inbox.next()).body == b"answer"


async def test_without_acks_nothing_comes_again(vhost_url: str, publisher: Publisher) -> None:
    async with consuming(vhost_url, acks=False) as inbox:
        await publisher.publish(request(b"once"), timeout=15)
        assert await (await inbox.next()).ack()
    async with consuming(vhost_url) as inbox:
        await publisher.publish(request(b"another"), timeout=15)
        assert (await inbox.next()).body == b"another"


async def test_a_queue_that_was_declared_otherwise_is_a_loud_error(
    vhost_url: str, publisher: Publisher
) -> None:
    await publisher.wait_connected(15)
    otherwise = Queue(CALLS.name, arguments={"x-queue-type": "classic"})
    calls = Subscription(lambda: otherwise, 1, print)
    async with Consumer([vhost_url], name="test", subscriptions=[calls]) as consumer:
        with pytest.raises(Misdeclared, match=r"queue tw\.call\.server-1"):
            await consumer.wait_ready(15)


async def test_another_queue_stands_in_for_one_that_is_out_of_reach(
    vhost_url: str, publisher: Publisher
) -> None:
    """What RabbitMQ answers then is "not found", here because of a binding that can never be."""
    await publisher.wait_connected(15)
    out_of_reach = Queue("out-of-reach", bindings=(topology.Binding("no.such.exchange", "key"),))
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    calls = Subscription(lambda: out_of_reach, 1, deliveries.put_nowait, instead=lambda: CALLS)
    async with Consumer([vhost_url], name="test", subscriptions=[calls]) as consumer:
        await consumer.wait_ready(15)
        await publisher.publish(request(b"for the other one"), timeout=15)
        delivery = await asyncio.wait_for(deliveries.get(), 15)
        assert delivery.body == b"for the other one"
        await delivery.ack()


async def test_without_a_broker_it_is_away_and_after_the_end_closed() -> None:
    calls = Subscription(lambda: CALLS, 1, print)
    async with Consumer(["amqp://127.0.0.1:1/"], name="test", subscriptions=[calls]) as consumer:
        with pytest.raises(Away, match="waiting to consume"):
            await consumer.wait_ready(0.3)
    with pytest.raises(Closed):
        await consumer.wait_ready(0.3)
