"""Replicas in processes of their own that end at a failpoint.

They are forked from one process that has imported everything, so that dozens of them start within seconds.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.adversity.errands import errands
from tests.served import Diary
from tests.waiting import wait_until
from toolwire.services import Service

PATIENCE_S = 60.0
"""Several start at once, on two busy cores."""

Make = Callable[[str, Path], Service[Diary]]

_forks = multiprocessing.get_context("forkserver")
# pytest as well: each child loads the main program of its parent, which is mostly that.
_forks.set_forkserver_preload([__name__, "pytest"])


@dataclass(frozen=True, slots=True)
class Doomed:
    """One of them. Its failpoint is named in `log` when it gets there."""

    process: ForkServerProcess
    name: str
    log: Path

    @property
    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text(encoding="utf-8")

    async def died(self, failpoint: str) -> None:
        """Wait until it has ended there."""
        await wait_until(
            lambda: not self.process.is_alive(), PATIENCE_S, f"the end of the process at {failpoint}"
        )
        assert self.process.exitcode == -signal.SIGKILL, self.said
        assert self._tells_of(failpoint, "SIGKILL"), self.said

    async def stood_still(self, failpoint: str) -> None:
        """Wait until it has got there and stops."""
        await wait_until(lambda: self._tells_of(failpoint, "SIGSTOP"), PATIENCE_S, f"a stop at {failpoint}")

    async def go_on(self, until: Callable[[], object], what: str) -> None:
        """Let it go on (SIGCONT) until that is so. Again and again: it tells of its stop before it stops."""

        def look() -> object:
            os.kill(self.process.pid or 0, signal.SIGCONT)
            return until()

        await wait_until(look, PATIENCE_S, what)

    def _tells_of(self, failpoint: str, signal_name: str) -> bool:
        return f"failpoint {failpoint}: {signal_name}" in self.said


@asynccontextmanager
async def doomed(
    server_id: str, folder: Path, failpoint: str, settings: Mapping[str, Any], make: Make = errands
) -> AsyncGenerator[Doomed]:
    """A replica, by default of the errands, ready, which ends at the failpoint; at the latest at the end of
    the block. `make` is a function of a module, which the process can find.
    """
    log = folder / "doomed.log"
    environment = {f"TOOLWIRE_{name.upper()}": str(value) for name, value in settings.items()}
    environment["TOOLWIRE_FAILPOINT"] = failpoint
    ready, tell = _forks.Pipe(duplex=False)
    process = _forks.Process(
        target=_serve, args=(make, server_id, folder, log, environment, tell), daemon=True
    )
    process.start()
    tell.close()
    try:
        await wait_until(ready.poll, PATIENCE_S, f"a replica of {server_id} is ready")
        yield Doomed(process, ready.recv(), log)
    finally:
        process.kill()
        process.join()
        process.close()
        ready.close()


def _serve(
    make: Make, server_id: str, folder: Path, log: Path, environment: dict[str, str], ready: Connection
) -> None:
    for name in [name for name in os.environ if name.startswith("TOOLWIRE_")]:
        del os.environ[name]
    os.environ.update(environment)
    logging.basicConfig(
        filename=log, level=logging.INFO, format="%(asctime)s %(name)s %(message)s", force=True
    )
    asyncio.run(_until_killed(make(server_id, folder), ready.send))


async def _until_killed(service: Service[Diary], say: Callable[[str], None]) -> None:
    async with service.running() as replica:
        say(replica.name)
        await asyncio.Event().wait()
