"""Watches jobs: a durable queue of their events, shared by all watchers of one name."""

import asyncio
import logging
import time
from collections import deque
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from toolwire.broker.consume import Delivery, Subscription
from toolwire.broker.errors import BrokerError
from toolwire.broker.topology import Queue, watch_queue
from toolwire.broker.transport import Transport
from toolwire.client import failures
from toolwire.client.answers import Drop, lines_of
from toolwire.client.clock import now_ms
from toolwire.client.identity import Identity
from toolwire.client.ledger import Ledger
from toolwire.client.pins import Pins
from toolwire.client.seen import Seen, seen
from toolwire.client.watched import Watched, read_event, servers_own
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import ToolwireError, UsageError
from toolwire.contracts.names import ID_PATTERN, is_id

log = logging.getLogger("toolwire.client")

PREFETCH = 16
"""How many events a watcher holds. Few, so that those of one name share the work evenly."""

WARN_EVERY_S = 60.0

REMEMBERED = 10_000
"""How many events a watcher knows again."""


class Watching:
    """Verified events of jobs, one after the other: `async with client.watch(…) as seen:`, then `async for`.

    An event counts as handled when the loop asks for the next one, or when the block ends without an
    exception. One that was not handled comes again: to this watcher's successor, or to another of its name.
    So every event is handled at least once, and a body that submits does so under `request_id_for`.

    One loop at a time; whoever wants to handle several events at the same time opens several watches of one
    name. A body should take seconds: the broker takes back what is not handled within 30 minutes.
    """

    def __init__(
        self,
        name: str,
        wanted: Watched,
        *,
        transport: Transport,
        identity: Identity,
        pins: Pins,
        ledger: Ledger,
        timeout: float,
    ) -> None:
        if not is_id(name):
            raise UsageError(f"the name of a watch must match {ID_PATTERN}; {name!r} does not")
        self._transport = transport
        self._title = f"toolwire watch {identity.client_id}.{name}"
        self._queue = watch_queue(identity.client_id, name, wanted.patterns())
        self._wanted = wanted
        self._identity = identity
        self._pins = pins
        self._ledger = ledger
        self._timeout = timeout
        self._open: AsyncExitStack | None = None
        self._unknown = 0
        """How many events with an unknown key were dropped since that was logged."""
        self._next_warning = 0.0
        self._forget()

    def _forget(self) -> None:
        """Begin anew: what was not handled before comes again, and must not pass for a duplicate."""
        self._arrived: asyncio.Queue[Delivery | None] = asyncio.Queue()
        self._unread: Delivery | None = None
        """A message that was taken and not yet judged: whoever waited for it may have been cancelled."""
        self._in_hand: Delivery | None = None
        """The message whose events are being given."""
        self._events: deque[Event] = deque()
        """Those of its events that are still to be given."""
        self._known = _Memory(REMEMBERED)

    async def subscribe(self) -> None:
        """Have events kept from now on, for whoever watches under this name later. Takes none itself.

        Raises like entering it: `BrokerAway`, `AccessDenied` or `ConfigurationError`.
        """
        publisher = self._transport.publisher(name=self._title, declare=[self._queue])
        try:
            async with publisher:
                await publisher.wait_connected(self._timeout)
        except BrokerError as error:
            raise self._told(error) from error

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise UsageError("this watch is open already: another loop needs another client.watch(…)")
        self._forget()
        async with AsyncExitStack() as opening:
            subscription = Subscription(self._begin, PREFETCH, self._arrived.put_nowait)
            consumer = self._transport.consumer(name=self._title, subscriptions=[subscription])
            await opening.enter_async_context(consumer)
            try:
                await consumer.wait_ready(self._timeout)
            except BrokerError as error:
                raise self._told(error) from error
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is None:
            return
        opened, self._open = self._open, None
        if kind is None and not self._events:
            await self._settle()
        await opened.aclose()
        self._arrived.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Seen:
        if self._open is None:
            raise UsageError("this watch is not open: use it in `async with client.watch(…) as seen:`")
        while not self._events:
            await self._settle()
            delivery = self._unread or await self._arrived.get()
            if delivery is None:
                raise StopAsyncIteration
            self._unread = delivery
            judged = await self._judged(delivery)
            self._unread, self._in_hand = None, delivery
            self._events.extend(self._new_events(judged))
        return seen(self._events.popleft())

    def _begin(self) -> Queue:
        """For every channel: what came by the one before and was not handled comes again."""
        while not self._arrived.empty():
            self._arrived.get_nowait()
        return self._queue

    async def _settle(self) -> None:
        delivery, self._in_hand = self._in_hand, None
        if delivery is not None:
            await delivery.ack()

    async def _judged(self, delivery: Delivery) -> list[Event | Drop]:
        """What is in a message. A key that is not known may stand in the registry by now."""
        judged = self._read(delivery)
        if any(_is_unknown(event) for event in judged) and await self._pins.look():
            return self._read(delivery)
        return judged

    def _read(self, delivery: Delivery) -> list[Event | Drop]:
        if delivery.malformed is not None:
            return [Drop("malformed_properties", attributable=True)]
        lines = lines_of(delivery.body, delivery.content_type, delivery.content_encoding)
        if isinstance(lines, Drop):
            return [Drop(lines.reason, attributable=True)]
        keys = servers_own(self._pins.keys)
        return [read_event(line, keys, self._identity, self._wanted, now_ms()) for line in lines]

    def _new_events(self, judged: list[Event | Drop]) -> list[Event]:
        """The events of a message that are to be given. Whatever else is in it costs itself alone."""
        events: list[Event] = []
        for event in judged:
            if isinstance(event, Event) and self._known.add(event):
                events.append(event)
            else:
                self._ledger.take(event if isinstance(event, Drop) else Drop("duplicate", attributable=True))
                self._unknown += _is_unknown(event)
        self._warn()
        return events

    def _warn(self) -> None:
        """Say that events were dropped that a server may have signed with a new key; not for each one."""
        if self._unknown and time.monotonic() >= self._next_warning:
            log.warning(
                "%s dropped %d events that are signed with a key which registry.toml does not list. If a "
                "server has a new one: `toolwire keys export server` there, and `toolwire keys import` here",
                self._title,
                self._unknown,
            )
            self._unknown, self._next_warning = 0, time.monotonic() + WARN_EVERY_S

    def _told(self, error: BrokerError) -> ToolwireError:
        # Nothing is asked of a server here, so that no text about one is needed.
        return failures.told(error, "", "")


def _is_unknown(event: Event | Drop) -> bool:
    return isinstance(event, Drop) and event.reason == "unknown_key"


class _Memory:
    """Knows the last so many events again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._keys: dict[tuple[str, str, int], None] = {}

    def add(self, event: Event) -> bool:
        """Take an event; whether it is new."""
        key = (event.server_id, event.data.job_id, event.data.seq)
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > self._most:
            del self._keys[next(iter(self._keys))]
        return True
