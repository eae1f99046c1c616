"""Programs of contenders: started, listened to, and ended, with all that they started themselves."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

STOP_S = 10.0
TAIL = 6  # lines of what a program that failed said last


class ProgramFailed(Exception):
    """A program ended, or said nothing for too long, or failed; the text ends with its last words."""


class Program:
    """A running program: `with Program(command, log) as program: program.event(within=10)`."""

    def __init__(
        self, command: Sequence[str], log: Path, *, cwd: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = command
        self._log = log
        self._cwd = cwd
        self._environment = os.environ | (environment or {})
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self._cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # so that what it starts can be found, measured and ended with it
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def session(self) -> int:
        """The number of the session that it and its children are in."""
        return self._process.pid

    def event(self, *, within: float) -> dict[str, Any]:
        """The next thing that it says. Raises ProgramFailed when it says nothing more, or nothing in time."""
        try:
            said = self._events.get(timeout=within)
        except queue.Empty:
            raise ProgramFailed(f"said nothing for {within:.0f} s: {self._last_words()}") from None
        if said is None:
            raise ProgramFailed(f"ended with exit code {self._process.wait()}: {self._last_words()}")
        return said

    def _read(self) -> None:
        for line in self._process.stdout or ():
            if line.startswith(b"{"):  # libraries say other things there, too
                self._events.put(json.loads(line))
        self._events.put(None)

    def _end(self) -> None:
        deadline = time.monotonic() + STOP_S
        self._signal(signal.SIGTERM)
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join(timeout=STOP_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _signal(self, what: signal.Signals) -> None:
        """To the whole session; the group's number stays ours for as long as anyone of it is there."""
        try:
            os.killpg(self.session, what)
        except (ProcessLookupError, PermissionError):
            return

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-TAIL:]) or "it wrote nothing"
