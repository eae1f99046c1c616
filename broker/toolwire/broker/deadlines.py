"""Waits that end when their time is up, all with one timer."""

import asyncio
from collections.abc import Callable

from toolwire.broker.gather import Caller

_STEP_SECONDS = 0.01
"""How much later than its deadline a wait may end, so that many of them are looked at together."""


class Deadlines:
    """Calls `late` with every caller that is still there when its time is up.

    A timeout for every wait of its own, as `asyncio.timeout`, costs more than writing the message.
    """

    def __init__(self, late: Callable[[Caller], None]) -> None:
        self._late = late
        self._waiting: set[Caller] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, caller: Caller) -> None:
        """Watch over a caller, until `discard`."""
        self._waiting.add(caller)
        if self._timer is None or caller.deadline < self._timer.when():
            self._arm(caller.deadline)

    def discard(self, caller: Caller) -> None:
        """It waits no longer."""
        self._waiting.discard(caller)

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for caller in [each for each in self._waiting if each.deadline <= now]:
            self._waiting.discard(caller)
            self._late(caller)
        if self._waiting:
            self._arm(max(min(each.deadline for each in self._waiting), now + _STEP_SECONDS))
