"""A store that is away: stop taking requests, keep what is held, go on when it is back."""

import asyncio
import logging
from dataclasses import dataclass, field

from toolwire.broker.consume import Consumer
from toolwire.services.store.port import Store, StoreAway

log = logging.getLogger("toolwire.services")

LOOK_S = 0.5


@dataclass(slots=True)
class StoreWatch:
    """Pauses the consumer while the store is away, so that requests wait in the broker and not here."""

    store: Store
    consumer: Consumer
    holder: str
    _away: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def away(self) -> bool:
        """Whether the store was away when it was last asked."""
        return self._away.is_set()

    def report(self) -> None:
        """Somebody found the store away."""
        self._away.set()

    async def work(self) -> None:
        """Watch, for ever."""
        while True:
            await self._away.wait()
            log.warning("the store is away: no more requests are taken")
            await self.consumer.pause()
            while not await self._back():  # noqa: ASYNC110 - a store tells nobody that it is back
                await asyncio.sleep(LOOK_S)
            await self.consumer.resume()
            log.warning("the store is back")
            self._away.clear()

    async def _back(self) -> bool:
        try:
            await self.store.running(self.holder)
        except StoreAway:
            return False
        return True
