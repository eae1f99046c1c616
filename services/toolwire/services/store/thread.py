"""Group commit: one thread, one connection, and transactions that are shared by whatever is waiting.

While one transaction commits, the next units gather; so the busier the store, the more units a commit
carries. A caller hears of its unit only when the commit is through.
"""

import asyncio
import queue
import threading
from typing import Any, TypeVar

from sqlalchemy import Engine

from toolwire.services.store.port import StoreAway
from toolwire.services.store.sharing import Joint, Piece, Work, carry_out

T = TypeVar("T")

MOST_WAITING = 1024
"""Units handed to the thread and not yet answered; more callers wait in turn."""
MOST_SHARING = 512
"""Units in one transaction, so that another process gets its turn soon."""
MOST_CHARACTERS = 8 * 1024 * 1024
"""What they bring along together, up to the one that exceeds it: most of it is one value of one statement,
which has to be through within seconds."""


class GroupCommit:
    """Runs units of work in its own thread. Made and used in one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._places = asyncio.Semaphore(MOST_WAITING)
        self._waiting: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._closing = False
        self._closed = asyncio.Event()
        # A daemon, so that a program that forgets to close the store still ends; what is committed is safe.
        self._thread = threading.Thread(target=self._serve, name="toolwire-store", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T] | Joint[Any, T]) -> T:
        """The value of a unit, once it is committed. It may run more than once: only the last time counts.

        Raises what the unit raised (then it changed nothing), `StoreAway` where the store could not be
        reached (likewise), and `CommitUnknown` where the commit failed. A caller that is cancelled while
        it waits does not undo its unit.
        """
        if self._closing:
            raise StoreAway("the store is closed: this replica is stopping")
        await self._places.acquire()
        piece = Piece(work, self._loop.create_future())
        self._waiting.put(piece)
        value: T = await piece.future
        return value

    async def close(self) -> None:
        """Finish what waits, then end the thread. Later units are refused."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        for _ in range(
            MOST_WAITING
        ):  # places are given in turn: with all of them in hand nothing is under way
            await self._places.acquire()
        self._waiting.put(None)
        await self._closed.wait()
        self._thread.join()

    def _serve(self) -> None:
        again: list[Piece] = []
        while batch := self._gather(again):
            again = carry_out(self._engine, batch)
            self._loop.call_soon_threadsafe(self._answer, [piece for piece in batch if piece not in again])
        self._engine.dispose()
        self._loop.call_soon_threadsafe(self._closed.set)

    def _gather(self, batch: list[Piece]) -> list[Piece]:
        """The batch and whatever else waits, at least one unit; nothing when the store is closing."""
        characters = sum(piece.characters for piece in batch)
        try:
            while len(batch) < MOST_SHARING and characters < MOST_CHARACTERS:
                piece = self._waiting.get(block=not batch)
                if piece is None:
                    break
                batch.append(piece)
                characters += piece.characters
        except queue.Empty:
            pass
        return batch

    def _answer(self, batch: list[Piece]) -> None:
        for piece in batch:
            self._places.release()
            if piece.future.done():  # its caller was cancelled
                continue
            if piece.error is None:
                piece.future.set_result(piece.value)
            else:
                piece.future.set_exception(piece.error)
