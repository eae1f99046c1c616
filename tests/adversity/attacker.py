"""The attacker of `test_attacker.py`: a user of the broker who may do anything there, and has no key."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

from tests.adversity.forger import LINES
from tests.adversity.raw_amqp import RawPublisher
from tests.adversity.tap import Tap, passing, passing_lines
from tests.served import peek
from tests.stage import PATIENCE_S, Stage
from tests.waiting import wait_until, wait_until_told
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.topology import REPLIES, REQUESTS, Queue, reply_key
from toolwire.client import Client
from toolwire.contracts.envelopes import Response
from toolwire.contracts.sealing import split


class Attacker:
    """A user of the broker without a key. It hears all requests and replies from its entering on."""

    def __init__(self, stage: Stage) -> None:
        self._raw = RawPublisher(stage.url)
        self.requests: Tap = passing(stage.url, REQUESTS)
        self.replies: Tap = passing_lines(stage.url, REPLIES)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for part in (self._raw, self.requests, self.replies):
            await self._stack.enter_async_context(part)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def send(self, exchange: str, key: str | bytes, body: bytes, header: bytes = LINES) -> None:
        """Publish, and wait for the confirm."""
        await self._raw.publish(exchange, key.encode() if isinstance(key, str) else key, header, body)

    async def replay(self, captured: Delivery, times: int = 1) -> None:
        """Publish a captured message again, where it came from."""
        for _ in range(times):
            await self.send(captured.exchange, captured.routing_key, captured.body)

    async def to_client(self, client: Client, body: bytes, header: bytes = LINES) -> None:
        """Publish into the reply queue of a client."""
        await self.send(REPLIES, home_of(client), body, header)

    async def flood(self, exchange: str, key: str, bodies: Sequence[bytes]) -> None:
        """Publish many messages under one key, as fast as the broker takes them."""
        await self._raw.publish_all(exchange, key.encode(), LINES, bodies)

    async def delete_queue(self, name: str) -> None:
        """Delete a queue, whatever is in it."""
        await self._raw.delete_queue(name)

    async def request(self) -> Delivery:
        """The request that was sent last."""
        return (await self.requests.everything())[-1]

    async def answers(self) -> list[Response]:
        """All answers until now, as their bytes say."""
        told = [one for one in await self.replies.everything() if one.type == "response"]
        return [Response.model_validate_json(split(one.body).payload) for one in told]

    async def answer_with(self, word: bytes) -> Delivery:
        """Wait for an answer that has this in its text."""

        async def found() -> bool:
            return any(word in one.body for one in await self.replies.everything())

        await wait_until_told(found, PATIENCE_S, f"an answer with {word!r}")
        return next(one for one in await self.replies.everything() if word in one.body)

    async def events(self) -> list[Delivery]:
        """All events until now, in the owner's copies."""
        return [one for one in await self.replies.everything() if one.type == "event"]


@asynccontextmanager
async def waiting(stage: Stage, client: Client, attacker: Attacker) -> AsyncGenerator[Delivery]:
    """A captured request, which its client waits for while the block lasts; then it must get its answer."""
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        yield await attacker.request()
        assert not calling.done()
        stage.diary.open("gate")
        assert await calling == "gate"


@asynccontextmanager
async def taking(url: str, queue: Queue, take: Callable[[Delivery], None]) -> AsyncGenerator[None]:
    """A consumer of somebody's queue, beside whoever else consumes it."""
    subscription = Subscription(lambda: queue, prefetch=100, handler=take)
    async with Consumer([url], name="thief", subscriptions=[subscription]) as consumer:
        await consumer.wait_ready(PATIENCE_S)
        yield


def home_of(client: Client) -> str:
    """The routing key that the client's answers have."""
    return reply_key(client.client_id, client.instance)


async def dropped(client: Client, count: int) -> Counter[str]:
    """Wait until the client has dropped so many lines; all of them, by reason."""
    await wait_until(lambda: Counter(client.dropped).total() >= count, PATIENCE_S, f"{count} lines dropped")
    return Counter(client.dropped)
