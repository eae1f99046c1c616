"""A backlog: accepted while every slot is taken, there after a crash, and drained, each job once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from tests.waiting import wait_until
from toolwire.client import Client, Job, submission
from toolwire.services import JobContext, Service
from toolwire.testing import Bench
from toolwire.testing.memory import MemoryBroker

JOBS = 200
SLOTS = 4
SOON = 15.0


class Works:
    """A service whose jobs run at once, but for those that keep a slot until the gate is open."""

    def __init__(self) -> None:
        self.service = Service("server-1")
        self.gate = asyncio.Event()
        self.held = 0
        self.ran: Counter[int] = Counter()

        @self.service.job(max_attempts=2)
        async def hold(ctx: JobContext[None]) -> None:
            self.held += 1
            await self.gate.wait()

        @self.service.job()
        async def work(ctx: JobContext[None], number: int) -> int:
            self.ran[number] += 1
            return number

        self.hold, self.work = hold, work

    async def fill(self, client: Client) -> list[Job[None]]:
        """Take every slot."""
        held = [await client.submit(self.hold) for _ in range(SLOTS)]
        await wait_until(lambda: self.held == SLOTS, SOON, "a long job in every slot")
        return held


async def test_a_backlog_outlives_a_crash_and_each_job_runs_once(tmp_path: Path) -> None:
    works = Works()
    bench = Bench(works.service, tmp_path, MemoryBroker(), job_slots=SLOTS)
    first = await bench.replica().__aenter__()
    async with bench.client() as client:
        held = await works.fill(client)
        items = [submission(works.work, number) for number in range(JOBS)]
        jobs = [job for job in await client.submit_many(items) if isinstance(job, Job)]
        assert (len(jobs), works.ran) == (JOBS, Counter())
        await first.kill()
        works.gate.set()
        async with bench.replica():
            results = await asyncio.gather(*(job.result(timeout=SOON) for job in jobs))
            await asyncio.gather(*(job.result(timeout=SOON) for job in held))
        assert results == list(range(JOBS))
    assert works.ran == Counter(range(JOBS))
