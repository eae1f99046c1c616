"""`--reload`: the service in a process of its own, and in a new one whenever its code changes.

The old process drains while the new one starts: both are replicas of one server. Whatever happens to this
process, the others end with it: they hear it on a pipe.
"""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from toolwire.cli import exits
from toolwire.cli.stopping import ending_signals, interrupt
from toolwire.services import ServiceSettings

log = logging.getLogger("toolwire.cli")

LOOK_EVERY_MS = 500
"""How often to look whether the service has ended by itself."""


def keep_reloading(command: str, given: Mapping[str, Any], settings: ServiceSettings) -> int:
    """Serve, and again after every change of a .py file in the working folder, until a signal ends it.

    `command` is `dev` or `serve`; `given` are the arguments of what serves then. JSON or str can write them.
    """
    from watchfiles import PythonFilter, watch

    for number in ending_signals():
        signal.signal(number, interrupt)
    folder = Path.cwd()
    with (
        Processes(command, given, overlapping=settings.http is None) as processes,
        suppress(KeyboardInterrupt),
    ):
        for changes in watch(
            folder, watch_filter=PythonFilter(), rust_timeout=LOOK_EVERY_MS, yield_on_timeout=True
        ):
            if changes:
                names = sorted({os.path.relpath(name, folder) for _, name in changes})
                log.info("%s changed: the service starts again", ", ".join(names))
                processes.renew()
            else:
                processes.look()
    return exits.OK


class Processes:
    """The service's process, and those before it that still drain.

    `overlapping`: a new one starts at once. Otherwise it waits for the one before, whose port it needs.
    """

    def __init__(self, command: str, given: Mapping[str, Any], *, overlapping: bool) -> None:
        self._command = command
        self._given = given
        self._overlapping = overlapping
        self._processes: list[Process] = []
        self._has_run = False
        self._told = False
        """Whether the end of the newest process was told."""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.end()
        try:
            for process in self._processes:
                process.wait()
        except KeyboardInterrupt:  # the second signal: at once
            for process in self._processes:
                process.kill()
                process.wait()
            raise

    def renew(self) -> None:
        """Start a new process; the newest so far drains."""
        newest = self._processes[-1]
        self._has_run |= newest.running
        newest.end()
        if not self._overlapping:
            newest.wait()
        self._forget_ended()
        self._start()

    def look(self) -> None:
        """Say once that the newest process has ended by itself; it has said why."""
        if not (self._told or self._processes[-1].running):
            log.warning("the service does not run: waiting for a change of its code")
            self._told = True

    def _start(self) -> None:
        self._told = False
        self._processes.append(Process(self._command, again=self._has_run, given=self._given))

    def _forget_ended(self) -> None:
        for process in [process for process in self._processes if not process.running]:
            process.wait()
            self._processes.remove(process)


class Process:
    """One run of the service: `python -m toolwire.cli.reloaded`.

    What to serve goes through a pipe, where no other user sees the broker's password; its end tells the
    process that this one is gone.
    """

    def __init__(self, command: str, *, again: bool, given: Mapping[str, Any]) -> None:
        self._ending = False
        reading, writing = os.pipe()
        self._pipe = os.fdopen(writing, "w", encoding="utf-8")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this same program
                [sys.executable, "-m", "toolwire.cli.reloaded", str(reading)],
                pass_fds=[reading],
                process_group=0,  # Ctrl-C is for this process, which tells the others
            )
        finally:
            os.close(reading)
        with suppress(BrokenPipeError):  # it has ended already, and has said why
            print(json.dumps([command, again, given], default=str), file=self._pipe, flush=True)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def end(self) -> None:
        """Have it drain. To say so twice would be the second signal, which ends it at once."""
        if not self._ending:
            self._ending = True
            self._process.terminate()

    def kill(self) -> None:
        """Have it end at once."""
        self._process.kill()

    def wait(self) -> None:
        """Wait for its end. The pipe stays open so long: its end would be a second signal."""
        self._process.wait()
        with suppress(BrokenPipeError):
            self._pipe.close()
