"""Progress and output on their way from a tool to the store: few events, so that a chatty tool floods nobody.

Of progress the last word counts. Of output nothing is left out: an event tells all pieces since the last one,
and where too much of it waits to be recorded, the tool waits.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Self

from toolwire.contracts.snapshots import Progress
from toolwire.services.asking.anywhere import running_loop
from toolwire.services.running.context import Said
from toolwire.services.store.port import StoreAway
from toolwire.services.telling.pieces import Pieces
from toolwire.services.telling.recording import Recording

log = logging.getLogger("toolwire.services")

INTERVAL_S = 0.2
"""At most five events a second are recorded, progress and output together."""
TURN_S = 0.005
"""For how long a tool may emit before everything else on the event loop has its turn."""
STORE_RETRY_S = 0.5


class Reporter:
    """The progress and the output of one attempt, to be entered for as long as that lasts.

    `on_lost` is called where its token is lost: whatever it tells now, nobody hears.
    """

    def __init__(self, recording: Recording, on_lost: Callable[[], None]) -> None:
        self._recording = recording
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._latest: Progress | None = None
        self._pieces = Pieces()
        self._taken: str | None = None
        """The pieces of the event that is being recorded."""
        self._output_next = False
        self._writing: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._room = asyncio.Event()
        self._turn_began = time.monotonic()

    # --- what the tool says ---

    def report(self, progress: Progress) -> None:
        """Take a report, from any thread."""
        self._loop.call_soon_threadsafe(self._put, progress)

    def emit(self, piece: str) -> Awaitable[None]:
        """Take a piece that was `written`, from any thread.

        On the loop, whoever awaits what this returns waits until there is room for more; in a thread this
        itself waits. `AttemptEnded` where the attempt is over.
        """
        first = self._pieces.add(piece)
        if running_loop() is self._loop:
            self._wake()
            return _Room(self._until_room)
        if first:
            self._loop.call_soon_threadsafe(self._wake)
        self._pieces.wait()
        return Said()

    async def _until_room(self) -> None:
        if time.monotonic() - self._turn_began > TURN_S:
            await asyncio.sleep(0)
            self._turn_began = time.monotonic()
        while self._pieces.full:
            self._room.clear()
            await self._room.wait()

    # --- what becomes of it ---

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """However the attempt ended, nothing is written after it: the store may be gone for good."""
        self._end()

    async def close(self) -> str | None:
        """Record all output, however long the store is away, and take no more.

        Gives the last report that is not recorded yet, as JSON, to go with the outcome.
        """
        self._end()
        await asyncio.sleep(0)  # a report that was just made has to come in from the loop's queue
        if self._writing is not None:
            await self._writing
        while self._has_output and not self._recording.lost:
            if not await self._record_output():
                await asyncio.sleep(STORE_RETRY_S)
        return None if self._latest is None else self._latest.model_dump_json()

    def _end(self) -> None:
        self._stop.set()
        self._pieces.close()
        self._room.set()

    @property
    def _has_output(self) -> bool:
        return self._taken is not None or bool(self._pieces)

    @property
    def _over(self) -> bool:
        return self._stop.is_set() or self._recording.lost

    def _put(self, progress: Progress) -> None:
        self._latest = progress
        self._wake()

    def _wake(self) -> None:
        if self._writing is None and not self._over:
            self._writing = asyncio.create_task(self._write(), name="progress")

    async def _write(self) -> None:
        """Record an event at a time, until there is nothing to tell."""
        while (self._latest is not None or self._has_output) and not self._over:
            # By turns: neither keeps the other from being told. But nothing comes between two tries of the
            # same output, of which the first may have been recorded.
            output_now = self._taken is not None or (
                self._has_output and (self._output_next or self._latest is None)
            )
            self._output_next = not output_now
            await (self._record_output() if output_now else self._record_progress())
            if self._recording.lost:
                self._on_lost()
            await self._pause()
        self._writing = None

    async def _record_progress(self) -> bool:
        progress, self._latest = self._latest, None
        assert progress is not None  # noqa: S101 - somebody has looked
        done = await _tried("progress", self._recording.progress(progress))
        if not done:
            self._latest = self._latest or progress
        return done

    async def _record_output(self) -> bool:
        self._taken = self._taken or self._pieces.take()
        done = await _tried("output", self._recording.output(self._taken))
        if done:
            self._pieces.recorded(self._taken)
            self._taken = None
            self._room.set()
        return done

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(INTERVAL_S):
                await self._stop.wait()
        except TimeoutError:
            pass


class _Room:
    """To be awaited before the next piece. Who does not await it may do without: the piece is taken."""

    def __init__(self, wait: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._wait = wait

    def __await__(self) -> Generator[Any, None, None]:
        return self._wait().__await__()


async def _tried(what: str, record: Coroutine[Any, Any, None]) -> bool:
    """Whether the store has taken it, for good or ill; if not, the same comes again."""
    try:
        await record
    except StoreAway as error:
        log.warning("%s was not recorded: %s", what, error)
        return False
    except Exception:
        # A report that cannot be written must not cost the attempt its outcome.
        log.exception("%s was not recorded", what)
    return True
