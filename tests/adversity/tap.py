"""Looks at messages from outside: those that lie in a queue, and those that pass through an exchange."""

import secrets
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Self

from tests.waiting import wait_until
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import Binding, Queue, Route

PATIENCE_S = 15.0
MARK = "mark"


class Tap:
    """Takes every message out of one queue. A message sent to `route` must reach the queue."""

    def __init__(self, url: str, queue: Queue, route: Route) -> None:
        self._route = route
        self._taken: list[Delivery] = []
        self._publisher = Publisher([url], name="tap")
        subscription = Subscription(lambda: queue, 0, self._taken.append, acks=False)
        self._consumer = Consumer([url], name="tap", subscriptions=[subscription])
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._publisher)
        await self._stack.enter_async_context(self._consumer)
        await self._consumer.wait_ready(PATIENCE_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def everything(self) -> list[Delivery]:
        """All messages that were confirmed to their publishers before now, oldest first.

        A mark of our own comes behind them: when it is here, so are they.
        """
        mark = secrets.token_bytes(16)
        await self._publisher.publish(Outgoing(self._route, mark, MARK, mark.hex()), timeout=PATIENCE_S)
        await wait_until(lambda: any(one.body == mark for one in self._taken), PATIENCE_S, "the mark")
        return [one for one in self._taken if one.type != MARK]


class LineTap(Tap):
    """The same for messages of lines: what travelled together is taken apart."""

    async def everything(self) -> list[Delivery]:
        """All lines that were confirmed to their publishers before now, each as if it had come alone."""
        messages = await super().everything()
        return [replace(one, body=line) for one in messages for line in one.body.split(b"\n")]


def passing(url: str, exchange: str) -> Tap:
    """A tap that gets a copy of whatever is published to the exchange from now on."""
    return Tap(*_copies(url, exchange))


def passing_lines(url: str, exchange: str) -> LineTap:
    """The same, line by line."""
    return LineTap(*_copies(url, exchange))


def _copies(url: str, exchange: str) -> tuple[str, Queue, Route]:
    name = f"tap.{secrets.token_hex(4)}"
    queue = Queue(name, (Binding(exchange, "#"),), durable=False, exclusive=True)
    return url, queue, Route(exchange, "tap.mark")


async def lying(url: str, queue: Queue, route: Route) -> list[Delivery]:
    """What lies in a queue that nobody consumes. It is empty afterwards."""
    async with Tap(url, queue, route) as tap:
        return await tap.everything()
