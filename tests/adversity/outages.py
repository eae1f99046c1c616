"""A store that is away for a while, on each database, and healthy jobs that run meanwhile."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

from tests.adversity.tcp_proxy import TcpProxy
from tests.adversity.windows import PATIENCE_S, in_words
from tests.served import Diary
from tests.waiting import wait_until
from toolwire.client import Job
from toolwire.client.calls import Calls
from toolwire.contracts.history import Happened

Outage = Callable[[], AbstractAsyncContextManager[None]]

UNTOUCHED = [(Happened.ACCEPTED, 0, None), (Happened.STARTED, 1, None), (Happened.DONE, 1, None)]
"""The history of a job that nobody but its first holder has run."""


@asynccontextmanager
async def locked(file: Path) -> AsyncGenerator[None]:
    """Nobody else can write into the SQLite file in the block."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as hog:
        hog.execute("BEGIN IMMEDIATE")
        yield


@asynccontextmanager
async def silenced(proxy: TcpProxy) -> AsyncGenerator[None]:
    """Whoever talks to the database through the proxy hears nothing in the block."""
    proxy.fall_silent()
    try:
        yield
    finally:
        proxy.resume()


async def jobs_outlive(outage: Outage, client: Calls, diary: Diary, *, lease_s: float, away_s: float) -> None:
    """Jobs that run while the store is away keep their replica and their attempt, and end with their results.

    Two of them end in the middle of it, two when it has been back for longer than a lease. One more is
    submitted in the middle: it waits, and runs.
    """
    early = [await _begun(client, diary, f"early-{number}") for number in range(2)]
    late = [await _begun(client, diary, f"late-{number}") for number in range(2)]
    async with outage():
        await asyncio.sleep(away_s / 2)
        for gate in ("early-0", "early-1", "added"):
            diary.open(gate)
        adding = asyncio.create_task(_submitted(client, "added"))
        await asyncio.sleep(away_s / 2)
    added = await adding
    await asyncio.sleep(1.5 * lease_s)  # by then a lease that nobody renews is taken over
    for gate in ("late-0", "late-1"):
        diary.open(gate)
    for job in (*early, *late, added):
        assert await job.result(timeout=PATIENCE_S) == 1
        assert in_words((await job.history()).entries) == UNTOUCHED
    lines = diary.lines()
    assert len(lines) == len(set(lines)) == 2 * 5, "each has begun and ended once"


async def _begun(client: Calls, diary: Diary, gate: str) -> Job[int]:
    job = await _submitted(client, gate)
    line = f"long_job 1 {gate}"
    await wait_until(lambda: line in diary.lines(), PATIENCE_S, line)
    return job


async def _submitted(client: Calls, gate: str) -> Job[int]:
    return await client.submit("long_job", {"gate": gate}, returns=int)
