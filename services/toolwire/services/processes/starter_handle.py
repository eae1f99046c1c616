"""A replica's hold on the process that starts the processes of its tools; see `process_starter`."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from toolwire.contracts.errors import DefinitionError
from toolwire.services.processes.process_starter import (
    END,
    ENDED,
    FAILED,
    FRAME,
    GRACE_S,
    LET_GO,
    READY,
    START,
    command_line,
)

log = logging.getLogger("toolwire.services")

START_S = 30.0
"""How long the tools' modules may take to be imported."""
LEAVE_S = GRACE_S + 1.0
"""How long the end of a process is waited for: it is killed after the grace time."""
LOOK_S = 0.005


@dataclass(slots=True, eq=False)
class Run:
    """One process."""

    number: int
    ended: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done once there is no such process any more, with words for how it ended."""

    def over(self, how: str) -> None:
        """Note that it is over."""
        if not self.ended.done():
            self.ended.set_result(how)


class StarterHandle:
    """A starter that has found the functions at `places`: to be started, used while `alive`, and closed."""

    def __init__(self, places: Sequence[str]) -> None:
        self._places = places
        self._line, self._theirs = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._runs: dict[int, Run] = {}
        self._count = 0
        self._heard = b""
        self.alive = False

    async def start(self) -> None:
        """Start it. `DefinitionError` where it does not find the functions."""
        try:
            self._process = self._open()
            async with asyncio.timeout(START_S):
                ready = await self._ready
        except TimeoutError:
            ready = False
        except BaseException:
            await self.close()
            raise
        if not ready:
            await self.close()
            raise DefinitionError(
                f"the process that starts those of the tools has not found {', '.join(self._places)}, or not "
                f"within {START_S:g} s: its own words are on stderr. It imports them by these names, from "
                "the same sys.path"
            )

    def begin(self, channel: socket.socket) -> Run:
        """Start a process at the other end of `channel`. `OSError` where the starter does not take it."""
        self._count += 1
        run = self._runs[self._count] = Run(self._count)
        try:
            socket.send_fds(self._line, [FRAME.pack(START, run.number, 0)], [channel.fileno()])
        except OSError:
            del self._runs[run.number]
            raise
        return run

    def let_go(self, run: Run) -> None:
        """The process has said its last word, and is to leave by itself; it has the grace time for that."""
        self._order(LET_GO, run)

    async def end(self, run: Run) -> None:
        """Have the process told to leave, and soon after made to; it is gone then, or as good as gone."""
        self._order(END, run)
        _, alive = await asyncio.wait({run.ended}, timeout=LEAVE_S)
        if alive:
            log.error("the process of a tool does not end although it was killed")

    async def close(self) -> None:
        """End it, and whatever it has started."""
        self._lost()
        self._theirs.close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            until = time.monotonic() + LEAVE_S
            while process.poll() is None and time.monotonic() < until:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(LOOK_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def _open(self) -> subprocess.Popen[bytes]:
        path = json.dumps([os.path.abspath(place) for place in sys.path])  # noqa: PTH100 - "" is the folder
        number = self._theirs.fileno()
        command = command_line("serve", path, str(number), *self._places)
        # A session of its own: Ctrl-C at a terminal is for the replica, which says when this is over.
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.DEVNULL, pass_fds=[number], start_new_session=True
        )
        self._theirs.close()
        self._line.setblocking(False)
        asyncio.get_running_loop().add_reader(self._line, self._hear)
        self.alive = True
        return process

    def _order(self, order: bytes, run: Run) -> None:
        if not run.ended.done():
            with suppress(OSError):  # a starter that is gone has taken its processes along
                self._line.send(FRAME.pack(order, run.number, 0))

    def _hear(self) -> None:
        try:
            heard = self._line.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard:
            self._lost()
            return
        self._heard += heard
        while len(self._heard) >= FRAME.size:
            frame, self._heard = self._heard[: FRAME.size], self._heard[FRAME.size :]
            self._take(*FRAME.unpack(frame))

    def _take(self, word: bytes, number: int, value: int) -> None:
        if word == READY and not self._ready.done():
            self._ready.set_result(True)
            if not value and sys.platform == "linux":
                log.warning(
                    "a module with tools starts threads when it is imported: the processes of the tools "
                    "cannot be forked, and each imports the modules anew"
                )
        elif word in (ENDED, FAILED) and (run := self._runs.pop(number, None)) is not None:
            run.over(
                how_it_ended(value) if word == ENDED else f"it could not be started: {os.strerror(value)}"
            )

    def _lost(self) -> None:
        """The starter is gone, or is to be."""
        if self.alive:
            self.alive = False
            asyncio.get_running_loop().remove_reader(self._line)
        self._line.close()
        if not self._ready.done():
            self._ready.set_result(False)
        for run in self._runs.values():
            run.over("the process that started it is gone")
        self._runs.clear()


def how_it_ended(code: int) -> str:
    """Words for an exit code, which is negative after a signal."""
    if code >= 0:
        return f"it left with exit code {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"
