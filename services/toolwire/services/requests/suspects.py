"""Requests that were here, or elsewhere, when a replica was lost: one of them may be what it died of.

They begin one at a time, so that a line which kills the process takes no neighbour with it. The next begins
when the former has ended, or after a second: a slow one does not hold up all others.

A killer comes again and again, until the delivery limit takes it out, and whatever waits behind it is given
back with it and counted every time. So the order is drawn by lot, from those that come within a moment. What
was unlucky all the same has its count begun anew before the limit is near, and the one that was given back
most often goes first.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

STEP_S = 1.0
GATHER_S = 0.05
"""How long the first one waits for others to come: what a lost replica held comes back at once."""
REST_S = 0.01
"""Between the end of one and the next, so that the former's ack has left before the next one may kill."""
MOST_CLAIMED = 16
"""How many wait here for nothing but a header that says so: anybody could write it on good requests."""
MANY_RETURNS = 5
"""From so many on, one that waits is not to be given back once more for another one's sake."""


@dataclass(slots=True, eq=False)
class _Waiting:
    returns: int
    turn: asyncio.Future[bool]
    """Whether it begins, or makes room for what was given back as often."""


class Suspects:
    """Those of one replica."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._busy = False

    @property
    def takes_claimed(self) -> bool:
        """Whether one more may wait that is a suspect by its header alone."""
        return len(self._waiting) < MOST_CLAIMED

    async def run(self, work: Callable[[], Awaitable[None]], returns: int) -> bool:
        """Do the work when it is its turn. `returns`: how often the broker was given it back.

        False: it was not begun, and is better published again, so that its count begins anew.
        """
        if not await self._its_turn(returns):
            return False
        step = _Step(self._next)
        try:
            await work()
        finally:
            step.end()
        return True

    async def _its_turn(self, returns: int) -> bool:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(returns, loop.create_future())
        self._waiting.append(waiting)
        if not self._busy:
            self._busy = True
            loop.call_later(GATHER_S, self._next)
        try:
            return await waiting.turn
        except asyncio.CancelledError:
            if not waiting.turn.cancelled() and waiting.turn.result():
                self._next()
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
            raise

    def _next(self) -> None:
        # Who was cancelled in this very turn of the loop could not leave yet.
        self._waiting = [waiting for waiting in self._waiting if not waiting.turn.cancelled()]
        self._busy = bool(self._waiting)
        if not self._busy:
            return
        most = max(waiting.returns for waiting in self._waiting)
        drawn_from = self._waiting
        if most >= MANY_RETURNS:
            drawn_from = [waiting for waiting in self._waiting if waiting.returns == most]
        begins = random.choice(drawn_from)  # noqa: S311 - a fair lot, no secret
        self._waiting.remove(begins)
        begins.turn.set_result(True)
        for waiting in [each for each in self._waiting if each.returns >= MANY_RETURNS]:
            self._waiting.remove(waiting)
            waiting.turn.set_result(False)


class _Step:
    """The turn of one, given on once: when it ends or when it takes too long."""

    def __init__(self, give_on: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._give_on: Callable[[], None] | None = give_on
        self._timer = self._loop.call_later(STEP_S, self.end)

    def end(self) -> None:
        self._timer.cancel()
        give_on, self._give_on = self._give_on, None
        if give_on is not None:
            self._loop.call_later(REST_S, give_on)
