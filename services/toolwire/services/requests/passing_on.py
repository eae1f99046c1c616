"""Lines that are published again, alone: another replica is to have them, or this one with more care."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from toolwire.broker.consume import Delivery
from toolwire.broker.errors import AccessDenied, BrokerError
from toolwire.broker.topology import PASSES, SUSPECT
from toolwire.services.requests.received import passes_of
from toolwire.services.telling.post import Post

log = logging.getLogger("toolwire.services")

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

DENIED_S = 60.0
"""For how long a broker that has refused this for want of a permission is not asked again: each refusal
closes the channel under everything that is on its way."""


@dataclass(slots=True)
class PassingOn:
    """Publishes to where a line came by, its very bytes. Where that fails, its message is as it was."""

    post: Post
    _allowed: bool | None = field(default=None, init=False)
    """None: not known."""
    _ask_again: float = field(default=0.0, init=False)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def alone(self, delivery: Delivery, line: bytes) -> bool:
        """Publish the line by itself, a suspect as one. Whether the broker has it, so that nothing is lost
        without this one.

        A confirm may be lost: then there are two of it, as after a redelivery, and claim or nonce tell.
        """
        if delivery.redelivered or SUSPECT in delivery.headers:
            return await self.with_suspicion(delivery, line)
        return await self._alone(delivery, line, NO_HEADERS)

    async def with_suspicion(self, delivery: Delivery, line: bytes) -> bool:
        """Have it begun with care wherever it gets: it may be what a replica died of. As `alone`."""
        return await self._alone(delivery, line, {SUSPECT: "1"})

    async def without_place(self, delivery: Delivery, line: bytes) -> bool:
        """Have it look for a place elsewhere. As `alone`."""
        return await self._alone(delivery, line, {PASSES: str(passes_of(delivery) + 1)})

    async def _alone(self, delivery: Delivery, line: bytes, headers: Mapping[str, str]) -> bool:
        if self._allowed:
            return await self._publish(delivery, line, headers)
        async with self._asking:  # one at a time, as long as nobody knows
            if self._allowed is False and time.monotonic() < self._ask_again:
                return False
            return await self._publish(delivery, line, headers)

    async def _publish(self, delivery: Delivery, line: bytes, headers: Mapping[str, str]) -> bool:
        try:
            await self.post.again(delivery, line, headers)
        except AccessDenied as error:
            log.warning("lines cannot be published again, which is safe and slower: %s", error)
            self._allowed, self._ask_again = False, time.monotonic() + DENIED_S
            return False
        except BrokerError as error:
            log.warning("a line was not published again: %s", error)
            return False
        self._allowed = True
        return True
