"""A replica in a process of its own: `python -m tests.chaos.replica`, told by TOOLWIRE_*.

Its tools write down each run in a file of this process. It says that it is ready, and drains on SIGTERM.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from toolwire.services import JobContext, Service, ToolContext

SERVER = "server-1"
GATE = "gate"
LOOK_EVERY_S = 0.05


class Tally:
    """One line for each run, in one piece."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / f"ran-{os.getpid()}"
        self._file = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def note(self, what: str) -> None:
        """Write a run down."""
        os.write(self._file, f"{what}\n".encode())


@asynccontextmanager
async def open_tally() -> AsyncGenerator[Tally]:
    """The tally of this process in TOOLWIRE_HOME."""
    yield Tally(Path(os.environ["TOOLWIRE_HOME"]))


service = Service(SERVER, lifespan=open_tally)


@service.tool(read_only=True)
async def look() -> int:
    """A call without a record. When it began, by the machine's monotonic clock, in nanoseconds."""
    return time.monotonic_ns()


@service.tool(context=True)
async def charge(ctx: ToolContext[Tally], number: int) -> int:
    """A call that must not run twice. When it began, in the same way."""
    began = time.monotonic_ns()
    ctx.state.note(f"charge {number}")
    return began


@service.job()
async def work(ctx: JobContext[Tally], number: int) -> int:
    """A job that must not run twice. When it began, in the same way."""
    began = time.monotonic_ns()
    ctx.state.note(f"work {number}")
    return began


@service.job(max_attempts=5)
async def hold(ctx: JobContext[Tally]) -> None:
    """Keep a slot until the gate is open."""
    ctx.state.note("hold")
    while not (ctx.state.folder / GATE).exists():  # noqa: ASYNC110 - another process opens it
        await asyncio.sleep(LOOK_EVERY_S)


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with service.running() as replica:
        print(replica.name, flush=True)  # noqa: T201 - whoever started it waits for this line
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(name)s %(message)s")
    asyncio.run(main())
