"""Checkpoints on their way to the store."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from toolwire.services.asking.anywhere import from_anywhere
from toolwire.services.running.end_flag import AttemptEnded, EndFlag
from toolwire.services.running.leases import Ending
from toolwire.services.store.port import Store, StoreAway

log = logging.getLogger("toolwire.services")

AGAIN_S = 0.5


@dataclass(slots=True)
class Keeper:
    """Writes the checkpoints of one attempt, under its token.

    `lost` is called where the token is: somebody else has the job, and this attempt is to end.
    """

    store: Store
    token: str
    end: EndFlag
    lost: Callable[[], None]
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def keep(self, checkpoint: str) -> Awaitable[None]:
        """Write it, however long the store is away; from the loop or from a thread of the tool."""
        return from_anywhere(self._loop, lambda: self._written(checkpoint))

    async def _written(self, checkpoint: str) -> None:
        while True:
            try:
                holds = await self.store.save(self.token, checkpoint)
            except StoreAway as error:  # also an unknown commit: the same is written once more
                log.warning("a checkpoint waits for the store: %s", error)
                await asyncio.sleep(AGAIN_S)
                self.end.check()
                continue
            if holds:
                return
            self.lost()
            await asyncio.sleep(0)  # where a tool is cancelled now, it is to hear of that here
            raise AttemptEnded(Ending.FENCED)
