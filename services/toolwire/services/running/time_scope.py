"""How long a run may take: until its caller's deadline, and no longer than its tool's own limit."""

import asyncio
import time
from collections.abc import Coroutine, Generator
from enum import StrEnum
from types import TracebackType, coroutine
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Expiry(StrEnum):
    """What a run was too long for; a tool that is cancelled for it is told so."""

    DEADLINE = "out_of_time"
    """Its caller waits no longer."""
    LIMIT = "over_limit"
    """Its tool says that it must not take longer."""


class TimeScope:
    """`asyncio.timeout` with a reason: the tool sees it in its `CancelledError`, as with every other end."""

    def __init__(self, seconds_left: float, limit: float | None) -> None:
        """`seconds_left` to the deadline; where both come at once, it is the deadline that counts."""
        self._over = Expiry.DEADLINE if limit is None or seconds_left <= limit else Expiry.LIMIT
        self._until = time.monotonic() + (seconds_left if limit is None else min(seconds_left, limit))
        self.expired: Expiry | None = None

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._task = task
        self._cancelled_before = task.cancelling()
        left = max(0.0, self._until - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(left, self._expire)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self.expired is None:
            return
        # As asyncio.timeout has it: a cancellation that came from elsewhere as well goes on.
        only_ours = self._task.uncancel() <= self._cancelled_before
        if only_ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    @coroutine
    def over(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """`with scope: await work`, with a timer only for what waits for something at all.

        Many tools end in their first step, which no timer can interrupt: without one, this takes a quarter of
        the time.
        """
        try:
            waits_for = work.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # what a coroutine returns
        with self:
            while True:
                # As `yield from` has it (PEP 380), which cannot begin in the middle.
                sent: Any = None
                thrown: BaseException | None = None
                try:
                    sent = yield waits_for
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - the work is to see it, whatever it is
                    thrown = error
                try:
                    waits_for = work.send(sent) if thrown is None else work.throw(thrown)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]  # the same

    def _expire(self) -> None:
        self.expired = self._over
        self._task.cancel(str(self._over))
