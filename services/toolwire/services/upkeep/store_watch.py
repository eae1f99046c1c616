"""A store that is away: stop taking requests, keep what is held, go on when it is back."""

import asyncio
import time
from dataclasses import dataclass, field

from toolwire.broker.transport import Receiver
from toolwire.services.store.port import Store, StoreAway
from toolwire.services.telemetry.signals import Signals

LOOK_S = 0.5


@dataclass(slots=True)
class StoreWatch:
    """Pauses the consumer while the store is away, so that requests wait in the broker and not here."""

    store: Store
    consumer: Receiver
    holder: str
    signals: Signals
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
            since = time.monotonic()
            self.signals.store_away()
            await self.consumer.pause()
            while not await self._back():  # noqa: ASYNC110 - a store tells nobody that it is back
                await asyncio.sleep(LOOK_S)
            await self.consumer.resume()
            self.signals.store_back(time.monotonic() - since)
            self._away.clear()

    async def _back(self) -> bool:
        try:
            await self.store.running(self.holder)
        except StoreAway:
            return False
        return True
