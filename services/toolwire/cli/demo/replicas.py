"""Replicas as real processes, which can be killed."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from toolwire.cli.demo.telling import NotAsPromised

LEASE_S = 3.0
"""How long a killed replica's job waits for another one: short, so that the demo is."""
SERVE = ("-m", "toolwire.cli.main", "serve", "toolwire.services.demo:service")
OPTIONS = ("--lease", str(LEASE_S), "--grace", "2", "--log-level", "debug")
PATIENCE_S = 20.0
LOOK_EVERY_S = 0.02
LAST_LINES = 12


class ReplicaProcess:
    """One `toolwire serve`, and what it wrote into its log."""

    def __init__(self, name: str, process: Process, log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, name: str, *, broker_url: str, home: Path) -> Self:
        """Start one on that broker, with the keys and the store of that home."""
        mine = {"TOOLWIRE_BROKER_URL": broker_url, "TOOLWIRE_HOME": str(home)}
        others = {key: value for key, value in os.environ.items() if not key.startswith("TOOLWIRE_")}
        log = home / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as stream:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *SERVE,
                *OPTIONS,
                stdin=DEVNULL,
                stdout=stream,
                stderr=stream,
                env=others | mine,
                cwd=home,
                start_new_session=True,  # a Ctrl-C is the demo's alone, which then ends them in order
            )
        return cls(name, process, log)

    async def ready(self) -> None:
        """Wait until it serves. `NotAsPromised` where it ended instead."""
        await wait_until(lambda: self.lines("is ready") or not self.running, f"{self.name} is ready")
        if not self.running:
            raise NotAsPromised(f"{self.name} starts: it ended with exit code {self._process.returncode}")

    def lines(self, part: str = "") -> list[str]:
        """The lines of its log that hold `part`."""
        return [line for line in self._log.read_text(errors="replace").splitlines() if part in line]

    def last_lines(self) -> list[str]:
        """The end of its log."""
        return self.lines()[-LAST_LINES:]

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process.returncode is None

    async def kill(self) -> None:
        """End it without a warning: SIGKILL."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """Ask it to drain: SIGTERM. Its exit code; one that does not end in time is killed."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._process.wait()
        except TimeoutError:
            await self.kill()
            return await self._process.wait()


async def wait_until(condition: Callable[[], object], claim: str) -> None:
    """Look again and again. `NotAsPromised` when it is still not so in the end."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            raise NotAsPromised(f"within {PATIENCE_S:.0f} s: {claim}")
        await asyncio.sleep(LOOK_EVERY_S)
