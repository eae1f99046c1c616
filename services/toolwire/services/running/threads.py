"""Threads for sync tools: one for each call, none queued, and the ones that were given up on counted.

A thread cannot be ended from outside: when its caller's deadline has passed, a sync tool goes on until it
returns. A pool would let new calls wait behind it; here a new call gets a new thread, until so many were
given up on that this replica had better take no more sync work.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("toolwire.services")


class _Call(Future[T]):
    """A call in its thread. Cancelled while it runs, it is given up on: its thread goes on alone."""

    def __init__(self, given_up: set["_Call[Any]"]) -> None:
        super().__init__()
        self._given_up = given_up

    def cancel(self) -> bool:
        if super().cancel():
            return True
        self._given_up.add(self)
        if self.done():  # it ended meanwhile, and may have taken itself out before it was in
            self._given_up.discard(self)
        else:
            log.warning("a sync tool goes on in its thread although nobody waits for it any more")
        return False

    def run(self, call: Callable[[], T]) -> None:
        """Run to the end, in the thread of this call."""
        if not self.set_running_or_notify_cancel():
            return
        try:
            self.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it, whatever it is
            self.set_exception(error)
        finally:
            self._given_up.discard(self)


class ToolThreads(Executor):
    """The threads of one replica. They are daemons: none of them keeps a process alive."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._given_up: set[_Call[Any]] = set()

    @property
    def full(self) -> bool:
        """Whether so many sync tools never came back that this replica had better take no more."""
        return self.abandoned >= self.limit

    @property
    def abandoned(self) -> int:
        """How many go on although nobody waits for them any more."""
        return len(self._given_up)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` in a thread of its own. The callers' places bound how many there are."""
        call: _Call[T] = _Call(self._given_up)
        thread = threading.Thread(
            target=call.run, args=(lambda: fn(*args, **kwargs),), name=f"tool-{id(call):x}", daemon=True
        )
        thread.start()
        return call
