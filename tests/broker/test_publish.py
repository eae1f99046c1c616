"""A message is sent when the broker has confirmed it, and every way in which it is not has its own error."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import pytest

from toolwire.broker import topology
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.errors import AccessDenied, Away, Closed, Misdeclared, Refused, Unroutable
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import Route

SERVER = "server-1"
NOBODY = "amqp://127.0.0.1:1/"
ids = count()


def request(
    body: bytes = b"{}", *, route: Route | None = None, mandatory: bool = True, insist: bool = True
) -> Outgoing:
    return Outgoing(
        route=route or topology.request_route(SERVER, "math.add"),
        body=body,
        type="request",
        message_id=f"message-{next(ids)}",
        mandatory=mandatory,
        insist=insist,
    )


@asynccontextmanager
async def publishing(url: str) -> AsyncGenerator[Publisher, None]:
    async with Publisher([url], name="test", declare=[topology.call_queue(SERVER)]) as publisher:
        await publisher.wait_connected(15)
        yield publisher


@asynccontextmanager
async def receiving(url: str) -> AsyncGenerator[asyncio.Queue[Delivery], None]:
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    subscription = Subscription(lambda: topology.call_queue(SERVER), 1000, deliveries.put_nowait)
    async with Consumer([url], name="test", subscriptions=[subscription]) as consumer:
        await consumer.wait_ready(15)
        yield deliveries


async def test_a_message_arrives_as_it_was_sent(vhost_url: str) -> None:
    message = replace(request(b'{"a":1}'), headers={"reason": "test"})
    async with publishing(vhost_url) as publisher, receiving(vhost_url) as deliveries:
        await publisher.publish(message, timeout=15)
        arrived = await asyncio.wait_for(deliveries.get(), 15)
    assert (arrived.body, arrived.type, arrived.content_type) == (
        message.body,
        "request",
        "application/jsonl",
    )
    assert (arrived.exchange, arrived.routing_key) == (topology.REQUESTS, "server-1.math.add")
    assert (dict(arrived.headers), arrived.content_encoding) == ({"reason": "test"}, None)
    assert (arrived.redelivered, arrived.malformed) == (False, None)


async def test_concurrent_messages_go_out_in_the_order_of_the_calls(vhost_url: str) -> None:
    """Also those that were called before there was a connection."""
    bodies = [str(number).encode() for number in range(500)]
    async with receiving(vhost_url) as deliveries, Publisher([vhost_url], name="test") as publisher:
        await asyncio.gather(*(publisher.publish(request(body), timeout=20) for body in bodies))
        arrived = [(await asyncio.wait_for(deliveries.get(), 15)).body for _ in bodies]
    assert arrived == bodies


async def test_a_message_that_no_queue_is_bound_for_comes_back_at_once(vhost_url: str) -> None:
    async with publishing(vhost_url) as publisher:
        with pytest.raises(Unroutable, match=r"key 'nobody\.add'"):
            await publisher.publish(request(route=topology.request_route("nobody", "add")), timeout=30)


async def test_an_event_that_nobody_watches_is_no_error(vhost_url: str) -> None:
    event = request(route=topology.event_route("client-1", SERVER, "add", "done"), mandatory=False)
    async with publishing(vhost_url) as publisher:
        await publisher.publish(event, timeout=15)


async def test_a_full_queue_refuses_after_about_a_second_or_at_once(vhost_url: str) -> None:
    full = topology.Queue(
        name="full",
        bindings=(topology.Binding(topology.JUNK, "full"),),
        arguments={"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"},
    )
    async with Publisher([vhost_url], name="test", declare=[full]) as publisher:
        await publisher.publish(request(route=Route(topology.JUNK, "full")), timeout=15)
        began = time.monotonic()
        with pytest.raises(Refused, match="full"):
            await publisher.publish(request(route=Route(topology.JUNK, "full")), timeout=15)
        assert 0.7 < time.monotonic() - began < 12
        took: list[float] = []
        for _ in range(5):  # a busy machine may take its time over one
            began = time.monotonic()
            with pytest.raises(Refused, match="refused by the broker"):
                await publisher.publish(request(route=Route(topology.JUNK, "full"), insist=False), timeout=15)
            took.append(time.monotonic() - began)
        assert min(took) < 0.7


@pytest.mark.promise("P9")
@pytest.mark.parametrize(
    ("exchange", "error"), [("tw.missing", Unroutable), ("amq.rabbitmq.trace", AccessDenied)]
)
async def test_a_message_that_closes_the_channel_costs_no_neighbour(
    vhost_url: str, exchange: str, error: type[Exception]
) -> None:
    """No such exchange (404), and one that nobody may publish to (403)."""
    async with publishing(vhost_url) as publisher:
        results = await asyncio.gather(
            *(publisher.publish(request(), timeout=15) for _ in range(50)),
            publisher.publish(request(route=Route(exchange, "a")), timeout=15),
            *(publisher.publish(request(), timeout=15) for _ in range(50)),
            return_exceptions=True,
        )
    assert [type(result) for result in results] == [type(None)] * 50 + [error] + [type(None)] * 50


async def test_consumers_are_counted_where_they_can_be_seen(vhost_url: str) -> None:
    queue = topology.call_queue(SERVER).name
    async with publishing(vhost_url) as publisher:
        assert await publisher.consumers(queue) == 0
        async with receiving(vhost_url):
            assert await publisher.consumers(queue) == 1
        assert await publisher.consumers("tw.call.nobody") is None
        assert publisher.connected


async def test_a_queue_that_was_declared_otherwise_is_a_loud_error(vhost_url: str) -> None:
    otherwise = replace(topology.call_queue(SERVER), arguments={"x-queue-type": "classic"})
    async with Publisher([vhost_url], name="test", declare=[otherwise]) as publisher:
        await publisher.wait_connected(15)
    async with Publisher([vhost_url], name="test", declare=[topology.call_queue(SERVER)]) as publisher:
        with pytest.raises(Misdeclared, match=r"queue tw\.call\.server-1 .* Delete it"):
            await publisher.wait_connected(15)


async def test_what_one_may_not_declare_is_provided_by_an_administrator(vhost_url: str) -> None:
    """RabbitMQ refuses names that begin with `amq.`, as it refuses what permissions forbid."""
    foreign = topology.Queue(name="amq.foreign", bindings=(topology.Binding(topology.JUNK, "a"),))
    declared = [foreign, topology.call_queue(SERVER)]
    async with Publisher([vhost_url], name="test", declare=declared) as publisher:
        await publisher.publish(request(), timeout=15)


async def test_without_a_broker_a_message_waits_and_is_then_away() -> None:
    async with Publisher([NOBODY], name="test") as publisher:
        began = time.monotonic()
        with pytest.raises(Away, match=r"127\.0\.0\.1:1/ within 0\.5 s"):
            await publisher.publish(request(), timeout=0.5)
        assert time.monotonic() - began < 10
        assert not publisher.connected


async def test_the_next_broker_of_the_list_is_tried(vhost_url: str) -> None:
    async with Publisher(
        [NOBODY, vhost_url], name="test", declare=[topology.call_queue(SERVER)]
    ) as publisher:
        await publisher.publish(request(), timeout=15)


@pytest.mark.parametrize("wrong", ["password", "virtual host"])
async def test_a_refused_login_is_told_at_once(vhost_url: str, wrong: str) -> None:
    url = vhost_url + "-no" if wrong == "virtual host" else vhost_url.replace("@", "no@", 1)
    async with Publisher([url], name="test") as publisher:
        with pytest.raises(AccessDenied, match="virtual host exists") as refused:
            await publisher.publish(request(), timeout=30)
        assert "no@" not in str(refused.value)


async def test_a_closed_publisher_says_so(vhost_url: str) -> None:
    async with publishing(vhost_url) as publisher:
        pass
    with pytest.raises(Closed):
        await publisher.publish(request(), timeout=15)


async def test_a_cancellation_is_obeyed_wherever_it_comes(vhost_url: str) -> None:
    """A signal's handler runs in the middle of a task: cancelled there, it has not reached an await yet."""
    async with publishing(vhost_url) as publisher:

        async def interrupted() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await publisher.publish(request(), timeout=15)

        task = asyncio.create_task(interrupted())
        await asyncio.wait([task], timeout=15)
        assert task.cancelled()
