"""The leases that this replica holds: renewed together, and the reason why one was ended early."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from toolwire.services.store.port import Store, StoreAway

log = logging.getLogger("toolwire.services")


class Ending(StrEnum):
    """Why a running tool was ended from outside."""

    CANCELLED = "cancelled"
    """Its caller asked for it."""
    FENCED = "fenced"
    """The lease was lost: somebody else decides, and nothing may be written."""
    DRAINING = "draining"
    """The replica is stopping."""


@dataclass(slots=True, eq=False)
class Held:
    """One lease and the task that runs under it."""

    token: str
    task: asyncio.Task[Any]
    ending: Ending | None = None
    settling: bool = False
    """The tool is over and its outcome is being written: too late to end anything."""

    def end(self, ending: Ending) -> None:
        """Cancel the task for this reason; the first reason stands."""
        if self.ending is None and not self.settling:
            self.ending = ending
            self.task.cancel(str(ending))


@dataclass(slots=True)
class Leases:
    """All leases of one replica.

    A renewal that fails because the store is away ends nothing: the tool goes on, and the fence decides
    later. A renewal that finds the token gone ends the tool at once.
    """

    store: Store
    lease_ms: int
    _held: dict[str, Held] = field(default_factory=dict[str, Held])
    _look: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def hold(self, token: str) -> Generator[Held]:
        """Keep the lease of `token` renewed while the current task is in here."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        held = self._held[token] = Held(token, task)
        try:
            yield held
        finally:
            del self._held[token]

    def __len__(self) -> int:
        return len(self._held)

    def look_now(self) -> None:
        """Renew at once: something about a running job may have changed."""
        self._look.set()

    def end_all(self, ending: Ending) -> None:
        """End whatever runs."""
        for held in list(self._held.values()):
            held.end(ending)

    async def keep(self) -> None:
        """Renew, for ever, three times in every lease."""
        while True:
            try:
                async with asyncio.timeout(self.lease_ms / 3000):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            try:
                await self._renew()
            except StoreAway as error:
                log.warning("the store is away, leases are not renewed: %s", error)

    async def _renew(self) -> None:
        asked = list(self._held.values())
        if not asked:
            return
        found = await self.store.renew([held.token for held in asked], lease_ms=self.lease_ms)
        for held in asked:
            if held.settling or held.token not in self._held:
                continue  # over while the store was asked
            lease = found.get(held.token)
            if lease is None:
                held.end(Ending.FENCED)
            elif lease.cancel_requested:
                held.end(Ending.CANCELLED)
