"""How a replica stands, for whoever looks in from outside its event loop."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from toolwire.broker.transport import Receiver, Sender
from toolwire.services.requests.calls import Calls
from toolwire.services.running.runner import Runner
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Counts, Store, StoreAway
from toolwire.services.telling.outbox import Outbox
from toolwire.services.upkeep.store_watch import StoreWatch

log = logging.getLogger("toolwire.services")

T = TypeVar("T")

PING_S = 1.0
"""How long the store may take to answer a check, and how long its answer counts."""
COUNTS_S = 5.0
"""How long the store's counts are good for: however many look, the store is asked no more often."""

FINE = ""


class Remembered(Generic[T]):
    """The answer to a question that costs something, asked again only when it is old."""

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._answer: tuple[float, T] | None = None
        self._asking = asyncio.Lock()

    async def value(self) -> T:
        """The newest answer."""
        async with self._asking:
            if self._answer is None or time.monotonic() > self._answer[0] + self._seconds:
                answer = await self._ask()
                self._answer = (time.monotonic(), answer)
            return self._answer[1]


@dataclass(slots=True)
class Look:
    """The parts of a running replica that tell how it stands."""

    holder: str
    sender: Sender
    receiver: Receiver
    store: Store
    watch: StoreWatch
    calls: Calls
    runner: Runner
    outbox: Outbox
    threads: ToolThreads
    draining: bool = False
    _ping: Remembered[str] = field(init=False)
    _counts: Remembered[Counts | None] = field(init=False)

    def __post_init__(self) -> None:
        self._ping = Remembered(self._ask_store, PING_S)
        self._counts = Remembered(self._count, COUNTS_S)

    @property
    def ready(self) -> bool:
        """Whether a request that arrives now would be handled, by what is known without asking."""
        return self.receiver.ready and self.sender.connected and not self.watch.away and not self.draining

    async def checks(self) -> Mapping[str, str]:
        """What is wrong, by check; `FINE` where nothing is."""
        return {
            "publishing": FINE if self.sender.connected else "there is no connection to publish on",
            "consuming": self._consuming(),
            "store": await self._ping.value(),
            "serving": "the replica is stopping and takes nothing more" if self.draining else FINE,
        }

    async def counts(self) -> Counts | None:
        """What lies in the store, a few seconds old at the most; None while it is away or broken."""
        return await self._counts.value()

    def _consuming(self) -> str:
        if self.receiver.ready:
            return FINE
        if self.draining or self.watch.away:
            return "paused"
        return "no consumer is active"

    async def _ask_store(self) -> str:
        try:
            async with asyncio.timeout(PING_S):
                await self.store.running(self.holder)
        except StoreAway:
            return "the store is away"
        except TimeoutError:
            return f"the store did not answer within {PING_S:g} s"
        except Exception:
            log.exception("the store is broken: asking it failed")
            return "the store is broken"
        return FINE

    async def _count(self) -> Counts | None:
        try:
            return await self.store.counts()
        except StoreAway:
            return None
        except Exception:
            log.exception("the store is broken: counting in it failed")
            return None
