"""Lines that travel together: one message on the broker, one outcome for all whose lines it carries."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import count

import pytest

from tests.adversity.tcp_proxy import TcpProxy
from tests.waiting import wait_until
from toolwire.broker import topology
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.errors import AccessDenied, Refused, Unconfirmed, Unroutable
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import Queue, Route
from toolwire.contracts.lines import MAX_LINES

SERVER = "server-1"
CALLS = topology.call_queue(SERVER)
HERE = topology.request_route(SERVER, "add")
FULL = Queue(
    name="full",
    bindings=(topology.Binding(topology.JUNK, "full"),),
    arguments={"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"},
)
ids = count()


def line(
    body: bytes = b"{}", *, route: Route = HERE, company: int = MAX_LINES, insist: bool = True
) -> Outgoing:
    name = f"message-{next(ids)}"
    return Outgoing(route, body, "request", name, company=company, insist=insist)


def numbered(amount: int) -> list[Outgoing]:
    return [line(b"%d" % number) for number in range(amount)]


@asynccontextmanager
async def publishing(url: str, *queues: Queue) -> AsyncGenerator[Publisher]:
    async with Publisher([url], name="test", declare=[CALLS, *queues]) as publisher:
        await publisher.wait_connected(15)
        yield publisher


async def outcomes(publisher: Publisher, lines: Sequence[Outgoing]) -> list[BaseException | None]:
    """What each caller gets whose line is published in the same turn."""
    return await asyncio.gather(
        *(publisher.publish(each, timeout=15) for each in lines), return_exceptions=True
    )


async def everything_in(url: str) -> list[list[bytes]]:
    """Take what is in the queue of calls: the lines of each message."""
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    calls = Subscription(lambda: CALLS, 0, deliveries.put_nowait)
    messages: list[list[bytes]] = []
    async with (
        Consumer([url], name="reader", subscriptions=[calls]) as consumer,
        publishing(url) as publisher,
    ):
        await consumer.wait_ready(15)
        await publisher.publish(line(b"last"), timeout=15)
        while messages[-1:] != [[b"last"]]:
            delivery = await asyncio.wait_for(deliveries.get(), 15)
            messages.append(delivery.body.split(b"\n"))
            assert await delivery.ack()
    return messages[:-1]


async def test_lines_of_one_turn_arrive_in_one_message_in_the_order_of_the_calls(vhost_url: str) -> None:
    async with publishing(vhost_url) as publisher:
        assert await outcomes(publisher, numbered(MAX_LINES + 5)) == [None] * (MAX_LINES + 5)
        assert await outcomes(publisher, [line(b"a", company=1), line(b"b", company=1)]) == [None, None]
    bodies = [b"%d" % number for number in range(MAX_LINES + 5)]
    assert await everything_in(vhost_url) == [bodies[:MAX_LINES], bodies[MAX_LINES:], [b"a"], [b"b"]]


async def test_lines_that_wait_for_the_broker_keep_their_company_and_their_order(vhost_url: str) -> None:
    async with publishing(vhost_url):
        pass
    async with Publisher([vhost_url], name="test") as publisher:
        first = asyncio.gather(*(publisher.publish(each, timeout=15) for each in numbered(3)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not publisher.connected
        second = outcomes(publisher, [line(b"3"), line(b"4")])
        await asyncio.gather(first, second)
    assert await everything_in(vhost_url) == [[b"0", b"1", b"2"], [b"3", b"4"]]


async def test_what_comes_back_comes_back_to_all_in_it_and_to_nobody_else(vhost_url: str) -> None:
    nowhere = topology.request_route("nobody", "add")
    lost = [line(route=nowhere) for _ in range(3)]
    async with publishing(vhost_url) as publisher:
        told = await outcomes(publisher, [line(b"0"), *lost, line(b"1")])
    assert (told[0], told[4]) == (None, None)
    assert all(isinstance(each, Unroutable) for each in told[1:4])
    assert len({str(each) for each in told[1:4]}) == 1
    assert lost[0].message_id in str(told[2])
    assert len({id(each) for each in told[1:4]}) == 3
    assert await everything_in(vhost_url) == [[b"0", b"1"]]


@pytest.mark.promise("P9")
@pytest.mark.parametrize(
    ("exchange", "error"), [("tw.missing", Unroutable), ("amq.rabbitmq.trace", AccessDenied)]
)
async def test_what_closes_the_channel_costs_all_in_it_and_nobody_else(
    vhost_url: str, exchange: str, error: type[Exception]
) -> None:
    bad = [line(route=Route(exchange, "a")) for _ in range(3)]
    async with publishing(vhost_url) as publisher:
        told = await outcomes(publisher, [*numbered(3), *bad, *numbered(3)])
    assert [type(each) for each in told] == [*[type(None)] * 3, *[error] * 3, *[type(None)] * 3]


async def test_a_full_queue_refuses_all_in_it(vhost_url: str) -> None:
    full = Route(topology.JUNK, "full")
    async with publishing(vhost_url, FULL) as publisher:
        await publisher.publish(line(route=full), timeout=15)
        for insist in (False, True):
            told = await outcomes(publisher, [line(route=full, insist=insist) for _ in range(3)])
            assert [type(each) for each in told] == [Refused] * 3


async def test_who_leaves_before_the_turn_ends_takes_the_line_along(vhost_url: str) -> None:
    async with publishing(vhost_url) as publisher:
        sending = [asyncio.create_task(publisher.publish(each, timeout=15)) for each in numbered(4)]
        await asyncio.sleep(0)
        for gone in (sending[0], sending[2]):
            gone.cancel()
        told = await asyncio.gather(*sending, return_exceptions=True)
    assert [type(each) for each in told] == [asyncio.CancelledError, type(None)] * 2
    assert await everything_in(vhost_url) == [[b"1", b"3"]]


@pytest.mark.promise("P7")
async def test_each_has_a_time_of_its_own_and_who_leaves_takes_nobody_along(vhost_url: str) -> None:
    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url) as publisher:
        proxy.stall()
        hasty, gone, patient = (
            asyncio.create_task(publisher.publish(each, timeout=timeout))
            for each, timeout in zip(numbered(3), (0.2, 30, 30), strict=True)
        )
        with pytest.raises(Unconfirmed, match=r"within 0\.2 s; it may have arrived"):
            await hasty
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert not patient.done()
        proxy.resume()
        await patient
    assert await everything_in(vhost_url) == [[b"0", b"1", b"2"]]


@pytest.mark.promise("P8")
async def test_what_is_in_flight_when_the_wire_is_cut_is_sent_again_as_it_was(vhost_url: str) -> None:
    async with TcpProxy(vhost_url) as proxy:
        async with publishing(proxy.url) as publisher:
            proxy.stall()
            sending = asyncio.gather(*(publisher.publish(each, timeout=20) for each in numbered(5)))
            hasty = asyncio.create_task(publisher.publish(line(b"5"), timeout=0.2))
            with pytest.raises(Unconfirmed):
                await hasty
            proxy.cut()
            await sending
        assert proxy.accepted > 1
    messages = await everything_in(vhost_url)
    assert messages
    assert all(each == [b"0", b"1", b"2", b"3", b"4", b"5"] for each in messages)


async def test_what_nobody_waits_for_any_longer_is_not_sent_when_the_wire_is_back(vhost_url: str) -> None:
    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url) as publisher:
        proxy.refuse()
        await wait_until(lambda: not publisher.connected, 15, "the loss is noticed")
        gone = [asyncio.create_task(publisher.publish(each, timeout=30)) for each in numbered(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for each in gone:
            each.cancel()
        await asyncio.wait(gone)
        proxy.accept()
        await publisher.publish(line(b"next"), timeout=15)
    assert await everything_in(vhost_url) == [[b"next"]]


async def test_what_cannot_be_written_costs_nobody_else(vhost_url: str) -> None:
    long = Outgoing(Route(topology.REQUESTS, "k" * 256), b"{}", "request", "long", company=2)
    async with publishing(vhost_url) as publisher:
        told = await outcomes(publisher, [line(b"0"), long, line(b"1")])
    assert [type(each) for each in told] == [type(None), ValueError, type(None)]


async def test_a_message_of_many_frames_arrives_whole_among_others(vhost_url: str) -> None:
    large = b"x" * 1_000_000
    async with publishing(vhost_url) as publisher:
        assert await outcomes(publisher, [line(b"0"), line(large), line(b"1")]) == [None] * 3
    assert await everything_in(vhost_url) == [[b"0"], [large], [b"1"]]
