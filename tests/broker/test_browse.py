"""Looking into a queue changes as little as RabbitMQ allows: nothing is lost, nothing changes places."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count

import pytest

from toolwire.broker import browse
from toolwire.broker.browse import Look, looking_into
from toolwire.broker.errors import Away, NoQueue
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import Queue, Route, dead_queue, dead_route, junk_queue, junk_route

SERVER = "server-1"
MANY_LOOKS = 25
"""More than the delivery limit that RabbitMQ 4 sets where none was declared."""

KINDS = {
    "quorum": (dead_queue(SERVER), dead_route(SERVER)),
    "classic": (junk_queue(SERVER), junk_route(SERVER)),
}
ids = count()


@asynccontextmanager
async def publishing(url: str, queue: Queue) -> AsyncGenerator[Publisher]:
    async with Publisher([url], name="test", declare=[queue]) as publisher:
        await publisher.wait_connected(15)
        yield publisher


async def put(publisher: Publisher, route: Route, *bodies: bytes) -> None:
    for body in bodies:
        await publisher.publish(Outgoing(route, body, "dead", f"message-{next(ids)}"), timeout=15)


def looking(
    url: str, queue: Queue, most: int = 100, most_bytes: int = 1_000_000
) -> AbstractAsyncContextManager[Look]:
    return looking_into(queue.name, [url], name="test", most=most, most_bytes=most_bytes, timeout=10)


async def bodies(url: str, queue: Queue) -> list[bytes]:
    async with looking(url, queue) as look:
        return [message.body for message in look.messages]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_look_leaves_everything_in_its_place(vhost_url: str, kind: str) -> None:
    queue, route = KINDS[kind]
    async with publishing(vhost_url, queue) as publisher:
        await put(publisher, route, b"one", b"two", b"three")
        async with looking(vhost_url, queue, most=2) as look:
            assert [message.body for message in look.messages] == [b"one", b"two"]
            assert look.left == 1
            await put(publisher, route, b"four")
        for _ in range(MANY_LOOKS):
            assert await bodies(vhost_url, queue) == [b"one", b"two", b"three", b"four"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_acked_is_gone_and_its_neighbours_are_not(vhost_url: str, kind: str) -> None:
    queue, route = KINDS[kind]
    async with publishing(vhost_url, queue) as publisher:
        await put(publisher, route, b"one", b"two", b"three")
        async with looking(vhost_url, queue) as look:
            assert await look.messages[1].ack()
        assert await bodies(vhost_url, queue) == [b"one", b"three"]
        async with looking(vhost_url, queue) as look:
            assert await look.messages[1].ack()
        assert await bodies(vhost_url, queue) == [b"one"]


@pytest.mark.parametrize("kind", KINDS)
async def test_many_messages_stay_in_order(vhost_url: str, kind: str) -> None:
    """More than a quorum queue gives back in order by itself."""
    queue, route = KINDS[kind]
    many = [str(number).encode() for number in range(100)]
    async with publishing(vhost_url, queue) as publisher:
        await put(publisher, route, *many)
        for _ in range(3):
            assert await bodies(vhost_url, queue) == many


async def test_a_look_takes_no_more_than_it_was_told(vhost_url: str) -> None:
    queue, route = KINDS["classic"]
    async with publishing(vhost_url, queue) as publisher:
        await put(publisher, route, *[b"x" * 1000] * 5)
        async with looking(vhost_url, queue, most_bytes=1500) as look:
            assert (len(look.messages), look.left) == (2, 3)


async def test_a_look_that_is_broken_off_loses_nothing(vhost_url: str) -> None:
    queue, route = KINDS["quorum"]
    async with publishing(vhost_url, queue) as publisher:
        await put(publisher, route, b"one", b"two")
        looked = asyncio.Event()

        async def look_for_ever() -> None:
            async with looking(vhost_url, queue):
                looked.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(look_for_ever())
        await looked.wait()
        task.cancel()
        await asyncio.wait([task])
        assert await bodies(vhost_url, queue) == [b"one", b"two"]


async def test_a_queue_that_is_not_there_is_told(vhost_url: str) -> None:
    with pytest.raises(NoQueue, match=r"there is no queue tw\.dead\.server-1"):
        await bodies(vhost_url, KINDS["quorum"][0])


async def test_a_broker_that_is_slow_to_give_is_told(vhost_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, route = KINDS["quorum"]
    async with publishing(vhost_url, queue) as publisher:
        await put(publisher, route, b"one")
        monkeypatch.setattr(browse, "_ANSWER_SECONDS", 1e-9)
        with pytest.raises(Away, match=r"the broker gave no answer within 1e-09 s\. .*[Tt]ry again"):
            await bodies(vhost_url, queue)


async def test_a_broker_that_is_not_there_is_told() -> None:
    queue = KINDS["quorum"][0].name
    with pytest.raises(Away, match="no connection to 127"):
        async with looking_into(
            queue, ["amqp://127.0.0.1:1/"], name="test", most=1, most_bytes=1, timeout=0.3
        ):
            raise AssertionError("there was nothing to look into")
