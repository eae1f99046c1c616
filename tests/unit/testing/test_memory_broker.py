"""The broker in memory does what RabbitMQ does, as far as clients and services meet it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.waiting import wait_until
from toolwire.broker.consume import Delivery, Subscription
from toolwire.broker.errors import AccessDenied, Away, BrokerError, Closed, Misdeclared, Refused, Unroutable
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import (
    Queue,
    Route,
    call_queue,
    control_queue,
    control_route,
    dead_queue,
    fresh_reply_queue,
    named_reply_queue,
    reply_route,
    request_route,
)
from toolwire.contracts.errors import UsageError
from toolwire.testing import MemoryBroker
from toolwire.testing.memory.ends import MemoryReceiver, MemorySender
from toolwire.testing.memory.routing import fits

SERVER = "server-1"
CALLS = call_queue(SERVER)
REQUESTS = request_route(SERVER, "add")
SOON = 5.0


class Inbox:
    """What a consumer was given, in order; nothing is settled unless a test does it."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.body for delivery in self.deliveries]

    async def has(self, count: int) -> list[Delivery]:
        """Wait until so many have come."""
        await wait_until(lambda: len(self.deliveries) >= count, SOON, f"{count} deliveries")
        return self.deliveries


def message(body: str, route: Route = REQUESTS, *, mandatory: bool = True) -> Outgoing:
    return Outgoing(route, body.encode(), type="request", message_id=body, mandatory=mandatory)


@pytest.fixture
def memory() -> MemoryBroker:
    return MemoryBroker()


@asynccontextmanager
async def consuming(
    memory: MemoryBroker, inbox: Inbox, queue: Queue = CALLS, *, prefetch: int = 10, acks: bool = True
) -> AsyncGenerator[MemoryReceiver]:
    subscription = Subscription(lambda: queue, prefetch, inbox, acks)
    async with memory.consumer(name="reader", subscriptions=[subscription]) as receiver:
        await receiver.wait_ready(SOON)
        yield receiver


@asynccontextmanager
async def sending(memory: MemoryBroker, *declare: Queue) -> AsyncGenerator[MemorySender]:
    async with memory.publisher(name="writer", declare=declare) as sender:
        yield sender


async def send(sender: MemorySender, *bodies: str, route: Route = REQUESTS) -> None:
    for body in bodies:
        await sender.publish(message(body, route), timeout=SOON)


# --- routing ---


@pytest.mark.parametrize(
    ("pattern", "key", "fit"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("a.#", "ab", False),
        ("#", "", True),
        ("#.c", "a.b.c", True),
        ("#.b.#", "a.b.c", True),
        ("*", "", False),
        ("", "", True),
    ],
)
def test_a_binding_takes_the_keys_of_a_topic_exchange(pattern: str, key: str, fit: bool) -> None:
    assert fits(pattern, key) is fit


async def test_a_message_goes_to_every_queue_that_is_bound_once(memory: MemoryBroker) -> None:
    one, other = Inbox(), Inbox()
    async with (
        consuming(memory, one, control_queue(SERVER, "a"), acks=False),
        consuming(memory, other, control_queue(SERVER, "b"), acks=False),
        sending(memory) as sender,
    ):
        await send(sender, "look", route=control_route(SERVER))
        assert len(await one.has(1)) == len(await other.has(1)) == 1


async def test_what_nobody_is_bound_for_comes_back_if_it_is_mandatory(memory: MemoryBroker) -> None:
    async with sending(memory) as sender:
        with pytest.raises(Unroutable, match="no queue is bound"):
            await send(sender, "lost")
        with pytest.raises(Unroutable, match="no such exchange"):
            await send(sender, "lost", route=Route("nowhere", "key"))
        await sender.publish(message("event", mandatory=False), timeout=SOON)


# --- queues ---


async def test_messages_wait_for_a_consumer_and_come_in_order(memory: MemoryBroker) -> None:
    inbox = Inbox()
    async with sending(memory, CALLS) as sender:
        await send(sender, "1", "2", "3")
        assert [waiting.body for waiting in memory.waiting(CALLS.name)] == [b"1", b"2", b"3"]
        async with consuming(memory, inbox):
            first, *_ = await inbox.has(3)
    assert inbox.bodies == [b"1", b"2", b"3"]
    assert (first.exchange, first.routing_key, first.type) == (*vars_of(REQUESTS), "request")
    assert not first.redelivered


def vars_of(route: Route) -> tuple[str, str]:
    return route.exchange, route.key


async def test_consumers_share_a_queue_in_turn(memory: MemoryBroker) -> None:
    one, other = Inbox(), Inbox()
    async with consuming(memory, one), consuming(memory, other), sending(memory) as sender:
        assert memory.consumers(CALLS.name) == 2
        await send(sender, "1", "2", "3", "4")
        await one.has(2)
        await other.has(2)
    assert (one.bodies, other.bodies) == ([b"1", b"3"], [b"2", b"4"])
    assert memory.consumers(CALLS.name) == 0
    assert memory.consumers("tw.call.nobody") is None


async def test_no_more_than_prefetch_are_out(memory: MemoryBroker) -> None:
    inbox = Inbox()
    async with consuming(memory, inbox, prefetch=2), sending(memory) as sender:
        await send(sender, "1", "2", "3", "4")
        first, _ = await inbox.has(2)
        assert [waiting.body for waiting in memory.waiting(CALLS.name)] == [b"3", b"4"]
        assert await first.ack()
        await inbox.has(3)
    assert inbox.bodies == [b"1", b"2", b"3"]


async def test_a_full_queue_refuses_or_lets_go_of_its_oldest(memory: MemoryBroker) -> None:
    refusing = replace(CALLS, arguments={**CALLS.arguments, "x-max-length": 2})
    dropping = named_reply_queue("client-1", "desk")
    dropping = replace(dropping, arguments={**dropping.arguments, "x-max-length-bytes": 4})
    async with sending(memory, refusing, dropping) as sender:
        await send(sender, "1", "2")
        with pytest.raises(Refused, match="full"):
            await send(sender, "3")
        await send(sender, "aa", "bb", "cc", route=reply_route("client-1", "desk"))
    assert [waiting.body for waiting in memory.waiting(CALLS.name)] == [b"1", b"2"]
    assert [waiting.body for waiting in memory.waiting(dropping.name)] == [b"bb", b"cc"]


async def test_a_queue_is_declared_the_same_way_every_time(memory: MemoryBroker) -> None:
    otherwise = replace(CALLS, arguments={**CALLS.arguments, "x-max-length": 2})
    async with sending(memory, CALLS, CALLS) as first, sending(memory, otherwise) as second:
        assert first.connected
        assert not second.connected
        with pytest.raises(Misdeclared, match="otherwise"):
            await second.wait_connected(SOON)


# --- what was handed out ---


@pytest.mark.promise("P8")
async def test_what_a_lost_consumer_held_comes_again(memory: MemoryBroker) -> None:
    lost, next_one = Inbox(), Inbox()
    async with sending(memory, CALLS) as sender:
        async with consuming(memory, lost):
            await send(sender, "1", "2", "3")
            _, second, _ = await lost.has(3)
            await second.ack()
        assert not await lost.deliveries[0].ack()
        async with consuming(memory, next_one):
            await next_one.has(2)
    assert next_one.bodies == [b"1", b"3"]
    assert all(delivery.redelivered for delivery in next_one.deliveries)


async def test_what_was_on_its_way_to_a_lost_consumer_comes_again_to_the_next(memory: MemoryBroker) -> None:
    lost, next_one = Inbox(), Inbox()
    async with sending(memory, CALLS) as sender:
        async with consuming(memory, lost):
            memory.publish(message("1"))
        assert lost.deliveries == []
        async with consuming(memory, next_one):
            await next_one.has(1)
        assert sender.connected


async def test_what_comes_back_too_often_is_dead_lettered(memory: MemoryBroker) -> None:
    tight = replace(CALLS, arguments={**CALLS.arguments, "x-delivery-limit": 2})
    inbox = Inbox()
    async with consuming(memory, inbox, tight), sending(memory, dead_queue(SERVER)) as sender:
        await send(sender, "poison")
        for attempt in range(1, 4):
            deliveries = await inbox.has(attempt)
            assert deliveries[-1].redelivered is (attempt > 1)
            await deliveries[-1].reject(requeue=True)
    (dead,) = memory.waiting(dead_queue(SERVER).name)
    assert dead.body == b"poison"
    assert dead.route.key == REQUESTS.key
    assert dead.headers["x-first-death-reason"] == "delivery_limit"
    assert dead.headers["x-first-death-queue"] == CALLS.name


async def test_what_is_rejected_for_good_is_dead_lettered(
    memory: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Delivery) -> None:
        raise ValueError("broken")

    subscription = Subscription(lambda: CALLS, 1, broken)
    async with (
        sending(memory, dead_queue(SERVER)) as sender,
        memory.consumer(name="reader", subscriptions=[subscription]) as receiver,
    ):
        await receiver.wait_ready(SOON)
        await send(sender, "1")
        await wait_until(lambda: memory.waiting(dead_queue(SERVER).name), SOON, "a dead letter")
    assert memory.waiting(dead_queue(SERVER).name)[0].headers["x-first-death-reason"] == "rejected"
    assert "given up" in caplog.text


async def test_a_paused_consumer_settles_what_it_has_and_gets_no_more(memory: MemoryBroker) -> None:
    inbox = Inbox()
    async with consuming(memory, inbox, prefetch=1) as receiver, sending(memory) as sender:
        await send(sender, "1", "2")
        (first,) = await inbox.has(1)
        await receiver.pause()
        assert not receiver.ready
        assert await first.ack()
        assert memory.consumers(CALLS.name) == 0
        await receiver.resume()
        await receiver.wait_ready(SOON)
        await inbox.has(2)
    assert inbox.bodies == [b"1", b"2"]


# --- one's own ---


async def test_an_exclusive_queue_belongs_to_its_connection_and_goes_with_it(memory: MemoryBroker) -> None:
    queue = fresh_reply_queue("client-1", "desk")
    async with sending(memory) as sender:
        async with consuming(memory, Inbox(), queue):
            with pytest.raises(AccessDenied, match="alone"):
                memory.declare(queue, sender)
        assert memory.consumers(queue.name) is None
        with pytest.raises(Unroutable):
            await send(sender, "late", route=reply_route("client-1", "desk"))


async def test_a_second_consumer_of_a_named_instance_gets_in_when_the_first_leaves(
    memory: MemoryBroker,
) -> None:
    queue = named_reply_queue("client-1", "desk")
    subscription = Subscription(lambda: queue, 1, Inbox())
    async with memory.consumer(name="second", subscriptions=[subscription]) as second:
        await second.pause()
        async with consuming(memory, Inbox(), queue):
            await second.resume()
            with pytest.raises(AccessDenied, match="only one"):
                await second.wait_ready(SOON)
        await wait_until(lambda: second.ready, SOON, "the second consumer")


# --- opening and closing ---


async def test_what_is_not_open_says_so(memory: MemoryBroker) -> None:
    sender = memory.publisher(name="writer", declare=[CALLS])
    receiver = memory.consumer(name="reader", subscriptions=[Subscription(lambda: CALLS, 1, Inbox())])
    errors: list[BrokerError] = []
    for asking in (send(sender, "1"), receiver.wait_ready(0.01)):
        with pytest.raises(Away) as away:
            await asking
        errors.append(away.value)
    async with sender, receiver:
        await send(sender, "1")
    with pytest.raises(Closed):
        await send(sender, "2")
    await receiver.resume()
    with pytest.raises(Closed):
        await receiver.wait_ready(SOON)
    assert memory.consumers(CALLS.name) == 0
    assert not any(isinstance(error, Closed) for error in errors)


async def test_whoever_waits_is_told_when_everything_is_consumed(memory: MemoryBroker) -> None:
    queues = [CALLS, control_queue(SERVER, "a")]
    told: list[list[str]] = []
    receiver = memory.consumer(
        name="reader",
        subscriptions=[Subscription(each, 1, Inbox()) for each in (lambda: CALLS, lambda: queues[1])],
    )
    receiver.on_ready.append(lambda names: told.append(list(names)))
    async with receiver:
        await receiver.wait_ready(SOON)
    assert told == [[queue.name for queue in queues]]


def test_one_broker_serves_one_loop(memory: MemoryBroker) -> None:
    async def open_in_another_loop() -> None:
        async with memory.publisher(name="writer"):
            await asyncio.to_thread(asyncio.run, use())

    async def use() -> None:
        async with memory.publisher(name="writer") as sender:
            await send(sender, "1")

    with pytest.raises(UsageError, match="one event loop"):
        asyncio.run(open_in_another_loop())
    with pytest.raises(Unroutable):
        asyncio.run(use())  # the other loop is closed
