"""The wire is cut, goes silent and comes back: what was confirmed is there, and every wait ends."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import pytest

from tests.adversity.tcp_proxy import TcpProxy
from tests.waiting import wait_until
from toolwire.broker import topology
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.errors import Away, Unconfirmed
from toolwire.broker.publish import Outgoing, Publisher

SERVER = "server-1"
CALLS = topology.call_queue(SERVER)
ids = count()


def request(body: bytes = b"{}") -> Outgoing:
    return Outgoing(topology.request_route(SERVER, "add"), body, "request", f"message-{next(ids)}")


@asynccontextmanager
async def publishing(url: str) -> AsyncGenerator[Publisher, None]:
    async with Publisher([url], name="test", declare=[CALLS]) as publisher:
        await publisher.wait_connected(15)
        yield publisher


async def everything_in(url: str) -> list[bytes]:
    """Take what is in the queue of calls."""
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    calls = Subscription(lambda: CALLS, 0, deliveries.put_nowait)
    async with (
        Consumer([url], name="reader", subscriptions=[calls]) as consumer,
        publishing(url) as publisher,
    ):
        await consumer.wait_ready(15)
        await publisher.publish(request(b"last"), timeout=15)
        bodies: list[bytes] = []
        while bodies[-1:] != [b"last"]:
            delivery = await asyncio.wait_for(deliveries.get(), 15)
            assert await delivery.ack()
            bodies.append(delivery.body)
    return bodies[:-1]


@pytest.mark.promise("P8")
async def test_what_is_in_flight_when_the_wire_is_cut_arrives(vhost_url: str) -> None:
    """Sent and unanswered, so nobody knows whether they arrived: sent again, with the same ids."""
    bodies = [b"%d" % number for number in range(200)]
    async with TcpProxy(vhost_url) as proxy:
        async with publishing(proxy.url) as publisher:
            proxy.stall()
            sending = [asyncio.create_task(publisher.publish(request(body), timeout=20)) for body in bodies]
            await asyncio.sleep(0)
            proxy.cut()
            await asyncio.gather(*sending)
        assert proxy.accepted > 1
    assert set(await everything_in(vhost_url)) == set(bodies)


@pytest.mark.promise("P8")
async def test_the_wire_may_be_cut_again_and_again(vhost_url: str) -> None:
    bodies = [b"%d" % number for number in range(1500)]
    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url) as publisher:
        sending = asyncio.gather(*(publisher.publish(request(body), timeout=50) for body in bodies))
        while not sending.done() and proxy.accepted < 5:
            proxy.cut()
            await wait_until(partial(proxy.has_accepted, proxy.accepted + 1), 15, "a new connection")
            await asyncio.wait([sending], timeout=0.2)
        await sending
    assert set(await everything_in(vhost_url)) == set(bodies)


@pytest.mark.promise("P7")
@pytest.mark.timeout(120)
async def test_a_wire_that_goes_silent_is_given_up_and_the_message_sent_again(vhost_url: str) -> None:
    """aiormq raises CancelledError in what is pending when heartbeats stop. Nobody has cancelled anything."""
    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url + "?heartbeat=1") as publisher:
        proxy.stall()
        await publisher.publish(request(b"stubborn"), timeout=40)
        assert proxy.accepted == 2
    assert b"stubborn" in await everything_in(vhost_url)


@pytest.mark.promise("P7")
async def test_a_message_without_an_answer_is_unconfirmed_when_the_time_is_up(vhost_url: str) -> None:
    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url) as publisher:
        proxy.stall()
        began = time.monotonic()
        with pytest.raises(Unconfirmed, match=r"within 0\.3 s; it may have arrived"):
            await publisher.publish(request(b"late"), timeout=0.3)
        assert time.monotonic() - began < 10
        proxy.resume()
        await publisher.publish(request(b"next"), timeout=15)
    assert await everything_in(vhost_url) == [b"late", b"next"]


async def test_a_message_whose_answer_was_lost_is_unconfirmed_even_if_the_broker_stays_away(
    vhost_url: str,
) -> None:
    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url) as publisher:
        proxy.stall()
        sending = asyncio.create_task(publisher.publish(request(), timeout=1))
        await asyncio.sleep(0)
        proxy.refuse()
        with pytest.raises(Unconfirmed, match="an earlier attempt may have arrived"):
            await sending
        with pytest.raises(Away):
            await publisher.publish(request(), timeout=0.3)


async def test_a_message_waits_for_the_connection_to_come_back(vhost_url: str) -> None:
    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url) as publisher:
        proxy.refuse()
        await wait_until(lambda: not publisher.connected, 15, "the loss is noticed")
        sending = asyncio.create_task(publisher.publish(request(b"patient"), timeout=20))
        proxy.accept()
        await sending
    assert await everything_in(vhost_url) == [b"patient"]


async def test_a_cancelled_publish_is_cancelled(vhost_url: str) -> None:
    """Even though another CancelledError, aiormq's own, is overcome."""
    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url) as publisher:
        proxy.stall()
        sending = asyncio.create_task(publisher.publish(request(), timeout=30))
        await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        proxy.resume()
        await publisher.publish(request(), timeout=15)


async def test_a_publish_in_a_cancelled_task_survives_a_cut(vhost_url: str) -> None:
    """A task that is being cancelled may still send its last word."""

    async def send_a_last_word() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await publisher.publish(request(b"last word"), timeout=20)

    async with TcpProxy(vhost_url) as proxy, publishing(proxy.url) as publisher:
        proxy.stall()
        task = asyncio.create_task(send_a_last_word())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        proxy.cut()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert b"last word" in await everything_in(vhost_url)


@pytest.mark.promise("P8")
async def test_a_consumer_comes_back_and_what_was_not_acked_too(vhost_url: str) -> None:
    """An ack over the lost channel is a harmless False; an exclusive queue has a fresh name."""
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    connects: list[Sequence[str]] = []
    subscriptions = [
        Subscription(lambda: CALLS, 10, deliveries.put_nowait),
        Subscription(lambda: topology.fresh_reply_queue("client-1", "i"), 10, deliveries.put_nowait),
    ]
    async with TcpProxy(vhost_url) as proxy, publishing(vhost_url) as publisher:
        consumer = Consumer([proxy.url], name="test", subscriptions=subscriptions)
        consumer.on_ready.append(connects.append)
        async with consumer:
            await consumer.wait_ready(15)
            await publisher.publish(request(b"kept"), timeout=15)
            first = await asyncio.wait_for(deliveries.get(), 15)
            proxy.cut()
            again = await asyncio.wait_for(deliveries.get(), 15)
            assert (again.body, again.redelivered) == (b"kept", True)
            assert not await first.ack()
            assert not await first.reject(requeue=True)
            assert await again.ack()

            await wait_until(lambda: len(connects) == 2, 15, "all subscriptions are back")
            assert connects[0][0] == connects[1][0]
            assert connects[0][1] != connects[1][1]
            answer = Outgoing(topology.reply_route("client-1", "i"), b"answer", "response", "answer-1")
            await publisher.publish(answer, timeout=15)
            assert (await asyncio.wait_for(deliveries.get(), 15)).body == b"answer"


@pytest.mark.timeout(120)
async def test_a_consumer_whose_wire_goes_silent_comes_back(vhost_url: str) -> None:
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    calls = Subscription(lambda: CALLS, 10, deliveries.put_nowait)
    async with (
        TcpProxy(vhost_url) as proxy,
        Consumer([proxy.url + "?heartbeat=1"], name="test", subscriptions=[calls]) as consumer,
        publishing(vhost_url) as publisher,
    ):
        await consumer.wait_ready(15)
        proxy.stall()
        await publisher.publish(request(b"kept"), timeout=15)
        assert (await asyncio.wait_for(deliveries.get(), 40)).body == b"kept"


async def more_than_fits(publisher: Publisher, timeout: float) -> list[asyncio.Task[None]]:
    """Begin to send what a peer that reads nothing leaves unread."""
    long = [request(b"x" * 2**20) for _ in range(20)]
    sending = [asyncio.create_task(publisher.publish(each, timeout=timeout)) for each in long]
    for _ in range(3):  # each begins in one turn of the loop, and is written in the next
        await asyncio.sleep(0)
    return sending


async def test_a_broker_that_reads_nothing_is_sent_no_more_than_fits(vhost_url: str) -> None:
    """As one in a memory alarm. What is sent to it would take memory here for as long as that lasts."""
    async with TcpProxy(vhost_url) as proxy:
        async with publishing(proxy.url) as publisher:
            proxy.stall()
            sending = await more_than_fits(publisher, timeout=30)
            with pytest.raises(Away, match="reads nothing"):
                await publisher.publish(request(b"late"), timeout=0.2)
            short = [request(b"%d" % number) for number in range(9)]
            waiting = [asyncio.create_task(publisher.publish(each, timeout=30)) for each in short]
            await asyncio.sleep(0)
            proxy.resume()
            await asyncio.gather(*sending, *waiting)
        found = await everything_in(vhost_url)
    assert [body for body in found if len(body) < 100] == [b"%d" % number for number in range(9)]


async def test_closing_does_not_wait_for_a_peer_that_reads_nothing(vhost_url: str) -> None:
    """As a broker does in a memory alarm: what was written stays in the way of all that follows."""
    async with TcpProxy(vhost_url) as proxy:
        async with publishing(proxy.url) as publisher:
            proxy.stall()
            sending = await more_than_fits(publisher, timeout=60)
            began = time.monotonic()
        assert time.monotonic() - began < 25
        results = await asyncio.gather(*sending, return_exceptions=True)
        assert {type(result) for result in results} == {Unconfirmed}


async def test_closing_does_not_wait_for_a_silent_peer(vhost_url: str) -> None:
    async with TcpProxy(vhost_url) as proxy:
        calls = Subscription(lambda: CALLS, 10, print)
        async with (
            Consumer([proxy.url], name="test", subscriptions=[calls]) as consumer,
            publishing(proxy.url),
        ):
            await consumer.wait_ready(15)
            proxy.stall()
            began = time.monotonic()
        assert time.monotonic() - began < 25
