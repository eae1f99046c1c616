"""No message is held for long: acked within seconds, even if one of its lines is slow.

When a message is overdue, every line that still runs is covered by its claim or, where it only reads, by its
caller's patience. What nothing covers yet, as it waits for the store or for the broker, is published again
alone, so that its neighbours come no second time if this replica is lost.
"""

import asyncio
import time
from dataclasses import dataclass, field

from toolwire.services.requests.passing_on import PassingOn
from toolwire.services.requests.received import Line, Received
from toolwire.services.running.tasks import Tasks

RELEASE_S = 10.0
"""After this long a delivery is acked although its tool still runs: far below any consumer timeout."""
LOOK_S = 0.5
"""How often is looked for what is overdue: one look for all, and no timer for each."""


@dataclass(slots=True)
class Releasing:
    """Looks after the messages whose lines are not all over."""

    passing_on: PassingOn
    tasks: Tasks
    _watched: dict[Received, None] = field(default_factory=dict[Received, None], init=False)
    """In the order of their coming."""

    def watch(self, message: Received) -> None:
        """Look after a message from now on."""
        self._watched[message] = None

    def forget(self, message: Received) -> None:
        """It needs that no more."""
        self._watched.pop(message, None)

    async def work(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._look()

    def _look(self) -> None:
        overdue_since = time.monotonic() - RELEASE_S
        for message in list(self._watched):
            if message.since > overdue_since:
                break
            self._release(message)

    def _release(self, message: Received) -> None:
        left = [line for line in message.lines if not line.over]
        for line in left:
            line.overdue = True
        needing = [line for line in left if line.needed and not line.passed_on]
        # What has to come again brings all the others along, so that no other one needs to go on alone.
        if not needing or message.given_back or message.lost:
            self.forget(message)
            self.tasks.start(message.settle(), "settle")
            return
        for line in needing:
            if message.has_company and not line.passing_on:
                line.passing_on = True
                self.tasks.start(self._pass_on(message, line), "release")

    async def _pass_on(self, message: Received, line: Line) -> None:
        try:
            line.passed_on = await self.passing_on.alone(message.delivery, line.text)
        finally:
            line.passing_on = False
