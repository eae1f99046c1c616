"""Waits for news of a job, and looks for itself when none comes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

from toolwire.client.clock import now_ms
from toolwire.client.following import Following, Listener, News
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import (
    BrokerAway,
    DeadlineExceeded,
    JobNotOver,
    NoReplica,
    QueueFull,
    RemoteError,
    ToolwireError,
)
from toolwire.contracts.snapshots import JobSnapshot

T = TypeVar("T")

LOOK_EVERY_MS = 5000
"""How long to go without news where the server does not say."""
ASK_AGAIN_S = 1.0

GRACE_S = 60.0
"""How long after a job's deadline its end may still be told: clocks differ, and a sweep takes its time."""


class JobNews:
    """One reader of a job's news.

    A look that fails for reasons that pass (broker or replicas away) is repeated until the time is up, and is
    the cause of the `JobNotOver` then. Any other failure is raised at once. `most` bounds the news that wait
    for a slow reader, which gets the newest of them then.
    """

    def __init__(
        self,
        following: Following,
        look: Callable[[], Awaitable[JobSnapshot]],
        *,
        request_id: str | None,
        deadline_ms: int | None,
        timeout: float | None = None,
        look_every: float | None = None,
        most: int = 0,
    ) -> None:
        self._following = following
        self._look = look
        self._request_id = request_id
        self._deadline_ms = deadline_ms
        self._until = None if timeout is None else asyncio.get_running_loop().time() + timeout
        self._look_every = look_every
        self._most = most
        self._looking: asyncio.Task[None] | None = None
        self._trouble: ToolwireError | None = None

    async def __aenter__(self) -> Self:
        self._news: Listener = self._following.listening(self._most)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._following.leave(self._news)
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def look(self) -> None:
        """Poll, unless a poll is under way. The answer is news like any other."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_once())

    async def newer_than(self, seq: int) -> Event | JobSnapshot:
        """The next event or snapshot of the job with more than `seq` events.

        Raises `JobNotOver` when the time is up: the timeout or, without one, the job's deadline and a grace.
        """
        while True:
            match await self._wait():
                case None:
                    self.look()
                case Event(data=snapshot) as event if snapshot.seq > seq:
                    return event
                case JobSnapshot() as snapshot if snapshot.seq > seq:
                    return snapshot
                case ToolwireError() as error:
                    self._bear(error)
                case _:
                    continue

    async def insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives, asked again while it fails for reasons that pass. Raises like `newer_than`."""
        while True:
            try:
                return await ask()
            except ToolwireError as error:
                self._bear(error)
            await asyncio.sleep(min(ASK_AGAIN_S, self._time() or ASK_AGAIN_S))

    def _bear(self, error: ToolwireError) -> None:
        if self._left() is None or not _passes(error):
            raise error
        self._trouble = error

    def _time(self) -> float | None:
        """The seconds that are left. Raises `JobNotOver` when there are none."""
        left = self._left()
        if left is not None and left <= 0:
            raise JobNotOver(self._following.job_id, self._request_id) from self._trouble
        return left

    async def _wait(self) -> News:
        """The next news; None when it is time to look."""
        left = self._time()
        newest = self._following.newest
        pause = self._look_every or ((newest and newest.poll_after_ms) or LOOK_EVERY_MS) / 1000
        try:
            until = asyncio.get_running_loop().time() + (pause if left is None else min(pause, left))
            return await self._news.get(until)
        except TimeoutError:
            return None

    def _left(self) -> float | None:
        """The seconds that are left; None while nothing is known of the job that would limit them."""
        if self._until is not None:
            return self._until - asyncio.get_running_loop().time()
        newest = self._following.newest
        deadline_ms = newest.deadline_ms if newest is not None else self._deadline_ms
        return None if deadline_ms is None else (deadline_ms - now_ms()) / 1000 + GRACE_S

    async def _look_once(self) -> None:
        try:
            self._news.tell(await self._look())
        except ToolwireError as error:
            self._news.tell(error)


def _passes(error: ToolwireError) -> bool:
    """Whether the same look may succeed later."""
    if isinstance(error, RemoteError):
        return error.retryable
    return isinstance(error, BrokerAway | NoReplica | QueueFull | DeadlineExceeded)
