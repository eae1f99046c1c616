"""Tell: outbox rows are published with confirms, in order, and then marked.

Whoever wrote a row holds it for one lease and sends it from here; what stays unsent, because the replica died
or the broker was away, is found by the sweep and comes through here again. A row may so be sent twice,
never not at all: receivers drop what they saw by `(server_id, job_id, seq)`.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from toolwire.broker.errors import BrokerError
from toolwire.client.clock import now_ms
from toolwire.services.failpoints import reach
from toolwire.services.requests.decide import stored
from toolwire.services.requests.seals import Seals
from toolwire.services.store.port import Message, Store, StoreAway
from toolwire.services.telling.post import Post

log = logging.getLogger("toolwire.services")

BATCH = 64
"""How many rows are on their way to the broker at the same time."""
MOST_HELD = 64 * 1024 * 1024
"""How many characters of rows wait here. The store has them all: what does not fit comes with a sweep."""
ROW = 4 * 1024
"""What a row takes at the most, without the arguments and the outcome of its record, and without output."""


@dataclass(slots=True)
class _Tried:
    """Rows that were on their way to the broker."""

    messages: list[Message]
    settled: list[int] = field(default_factory=list[int])
    """The numbers of those that need not be sent again."""

    def add(self, more: "_Tried") -> None:
        self.messages += more.messages
        self.settled += more.settled


class Outbox:
    """Sends the rows that this replica wrote or took over."""

    def __init__(self, store: Store, post: Post, seals: Seals) -> None:
        self._store = store
        self._post = post
        self._seals = seals
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()
        self._sizes: dict[int, int] = {}
        """The rows that wait or are on their way, by number."""
        self._held = 0
        self._tried: asyncio.Queue[_Tried] = asyncio.Queue()

    def tell(self, messages: Sequence[Message]) -> None:
        """Send these rows as soon as it is their turn."""
        for message in messages:
            size = _size(message)
            # While the broker is away the sweep finds these rows over and over, and tools write more.
            if message.number not in self._sizes and self._held + size <= MOST_HELD:
                self._sizes[message.number] = size
                self._held += size
                self._waiting.put_nowait(message)

    @property
    def waiting(self) -> int:
        """How many rows wait or are on their way."""
        return len(self._sizes)

    async def drained(self) -> None:
        """Wait until everything was sent, or tried."""
        await self._waiting.join()

    async def work(self) -> None:
        """Send, for ever."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._send_all(), name="outbox sends")
                both.create_task(self._mark_all(), name="outbox marks")
        finally:
            while not self._tried.empty():
                self._over(self._tried.get_nowait())

    async def _send_all(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            tried = _Tried(batch)
            try:
                await self._send(tried)
            finally:
                self._tried.put_nowait(tried)

    async def _mark_all(self) -> None:
        """Mark what was sent while more is being sent: a slow store marks more at once, and delays none."""
        while True:
            tried = await self._tried.get()
            while not self._tried.empty():
                tried.add(self._tried.get_nowait())
            try:
                await self._mark(tried.settled)
            finally:
                self._over(tried)

    def _over(self, tried: "_Tried") -> None:
        for message in tried.messages:
            self._held -= self._sizes.pop(message.number)
            self._waiting.task_done()

    async def _send(self, tried: "_Tried") -> None:
        results = await asyncio.gather(*map(self._one, tried.messages), return_exceptions=True)
        for message, result in zip(tried.messages, results, strict=True):
            if result is None:
                tried.settled.append(message.number)
            elif isinstance(result, BrokerError):
                log.warning("an event waits in the outbox: %s", result)
            else:
                log.error("an outbox row can never be sent; the poll tells", exc_info=result)
                if isinstance(result, Exception):
                    tried.settled.append(message.number)

    async def _mark(self, settled: Sequence[int]) -> None:
        try:
            if settled:
                await self._store.sent(settled)
                reach("tell.marked", times=len(settled))
        except StoreAway as error:
            log.warning("sent events are not marked, they will be sent again: %s", error)

    async def _one(self, message: Message) -> None:
        reach("tell.ready")
        if message.event is None:
            line = self._seals.response(message.key, message.address, stored(message.record), now_ms())
            await self._post.answer(message.key.client_id, message.address.reply_to, line)
        else:
            own, watched = self._seals.event(message, message.event, now_ms())
            await self._post.event(message, message.event, own, watched)
        reach("tell.sent")


def _size(message: Message) -> int:
    record = message.record
    texts = (record.args, record.result, record.error, message.output)
    return ROW + sum(len(text) for text in texts if text is not None)
