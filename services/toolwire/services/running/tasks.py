"""Supervised tasks: none is lost, none fails in silence, and one that fails takes no other with it."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger("toolwire.services")

ASK_AGAIN_S = 1.0


class Tasks:
    """The tasks of one replica."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run `work` beside everything else. Its failure is logged."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def wait(self, seconds: float) -> bool:
        """Wait until all have ended, at most so long. Whether they have."""
        until = time.monotonic() + seconds
        # What is running may start more: one look would miss it.
        while self._running and (left := until - time.monotonic()) > 0:
            await asyncio.wait(self._running, timeout=left)
        return not self._running

    async def cancel(self) -> None:
        """Cancel all and wait for their end, asking again whoever takes no notice."""
        while self._running:
            for task in self._running:
                task.cancel()
            _, deaf = await asyncio.wait(self._running, timeout=ASK_AGAIN_S)
            for task in deaf:
                log.warning("%s does not end although it was cancelled", task.get_name())

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=error)
