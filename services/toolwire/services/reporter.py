"""Progress on its way from a tool to the store: coalesced, so that a chatty tool floods nobody."""

import asyncio
import logging
from typing import Self

from toolwire.contracts.snapshots import Progress
from toolwire.services.outbox import Outbox
from toolwire.services.store.port import Store, StoreAway

log = logging.getLogger("toolwire.services")

INTERVAL_S = 0.2
"""At most five reports a second are recorded; of more, the last counts."""


class Reporter:
    """The progress of one attempt, to be entered for as long as that lasts."""

    def __init__(self, store: Store, outbox: Outbox, *, token: str, holder: str, lease_ms: int) -> None:
        self._store = store
        self._outbox = outbox
        self._token = token
        self._holder = holder
        self._lease_ms = lease_ms
        self._loop = asyncio.get_running_loop()
        self._latest: Progress | None = None
        self._writing: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    def report(self, progress: Progress) -> None:
        """Take a report, from any thread."""
        self._loop.call_soon_threadsafe(self._put, progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """However the attempt ended, nothing is written after it: the store may be gone for good."""
        self._stop.set()

    async def close(self) -> str | None:
        """Stop writing; the last report that is not recorded yet, as JSON, to go with the outcome."""
        self._stop.set()
        await asyncio.sleep(0)  # a report that was just made has to come in from the loop's queue
        if self._writing is not None:
            await self._writing
        return None if self._latest is None else self._latest.model_dump_json()

    def _put(self, progress: Progress) -> None:
        self._latest = progress
        if self._writing is None and not self._stop.is_set():
            self._writing = asyncio.create_task(self._write(), name="progress")

    async def _write(self) -> None:
        while self._latest is not None and not self._stop.is_set():
            progress, self._latest = self._latest, None
            try:
                changed = await self._store.progress(
                    self._token, progress.model_dump_json(), holder=self._holder, lease_ms=self._lease_ms
                )
            except StoreAway as error:
                log.warning("progress was not recorded: %s", error)
                self._latest = self._latest or progress
                changed = None
            except Exception:
                # A report that cannot be written must not cost the attempt its outcome.
                log.exception("progress was not recorded")
                changed = None
            if changed is not None:
                self._outbox.tell(changed.messages)
            await self._pause()
        self._writing = None

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(INTERVAL_S):
                await self._stop.wait()
        except TimeoutError:
            pass
