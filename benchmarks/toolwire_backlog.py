"""A long backlog: what it costs to submit it, to live with it, and to work it off."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from benchmarks.peers.measuring import NUMBERS, percentile_ms, say
from benchmarks.toolwire_calls import calling
from benchmarks.toolwire_clients import a_client
from benchmarks.toolwire_home import home_in
from benchmarks.toolwire_latency import percentiles, took
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_replicas import memory_mib
from benchmarks.toolwire_tools import hold, job_sum
from toolwire.client import Client, Job, submission
from toolwire.client.home import Home

TENTHS = 10
SLOTS = 4
"""How many jobs one replica runs at a time where nobody says anything."""
LOOK_EVERY_S = 0.5
CALLS_S = 3.0
FIRST = 9
"""The highest priority: such a job is the next to be taken, however many wait."""


async def stand(given: Given) -> None:
    """Submit `in_flight` jobs while other jobs keep every slot, look at calls, then let them drain."""
    async with a_client(given) as client:
        backlog = _Backlog(given, client)
        await backlog.keep_slots()
        say(warm=True)
        before = await took(calling(given, client), CALLS_S)
        await backlog.submit()
        standing = await took(calling(given, client), CALLS_S)
        await backlog.drain()
        backlog.tell(before, standing)


@dataclass(slots=True)
class _Backlog:
    """One run, and what was seen of it after each tenth."""

    given: Given
    client: Client
    submitted_s: list[float] = field(default_factory=list[float])
    drained_s: list[float] = field(default_factory=list[float])
    left: list[int] = field(default_factory=list[int])
    memory: list[float] = field(default_factory=list[float])
    job_p50: list[float | None] = field(default_factory=list[float | None])

    @property
    def gate(self) -> Path:
        """The file that ends the jobs which keep the slots."""
        return self.given.folder / "gate"

    async def keep_slots(self) -> None:
        """Return when a job that waits for the gate runs in every slot."""
        keeping = [await self.client.submit(hold, gate=str(self.gate)) for _ in range(SLOTS)]
        while None in [(await job.poll()).started_ms for job in keeping]:  # noqa: ASYNC110 - a server's
            await asyncio.sleep(LOOK_EVERY_S)
        self._look(0)

    async def submit(self) -> None:
        tenth = self.given.in_flight // TENTHS
        for number in range(TENTHS):
            began = time.monotonic()
            outcomes = await self.client.submit_many(
                submission(job_sum, numbers=NUMBERS) for _ in range(tenth)
            )
            self.submitted_s.append(time.monotonic() - began)
            if refused := next((each for each in outcomes if not isinstance(each, Job)), None):
                raise refused
            self._look((number + 1) * tenth)

    async def drain(self) -> None:
        """Open the gate, and after each tenth submit jobs that go before all others."""
        engine = create_engine(_url(self.given))
        await asyncio.to_thread(self.gate.touch)
        began, tenth = time.monotonic(), self.given.in_flight // TENTHS
        for number in range(TENTHS):
            left = await self._left_at_most(engine, self.given.in_flight - (number + 1) * tenth)
            self.drained_s.append(time.monotonic() - began)
            self._look(left)
            self.job_p50.append(percentile_ms(await took(self._go_first, 1.0), 0.50))

    async def _go_first(self) -> None:
        job = await self.client.options(priority=FIRST).submit(job_sum, numbers=NUMBERS)
        await job.result()

    async def _left_at_most(self, engine: Engine, most: int) -> int:
        while (left := await asyncio.to_thread(_waiting, engine)) > most:  # noqa: ASYNC110 - a store's
            await asyncio.sleep(LOOK_EVERY_S)
        return left

    def _look(self, left: int) -> None:
        self.left.append(left)
        self.memory.append(memory_mib(self.given.folder))

    def tell(self, before: list[float], standing: list[float]) -> None:
        """Say it all. What is counted as done in so many seconds are the submissions."""
        jobs = self.given.in_flight
        say(
            done=jobs,
            seconds=sum(self.submitted_s),
            errors=0,
            drained_per_s=jobs / self.drained_s[-1],
            **percentiles("calls_before", before),
            **percentiles("calls_standing", standing),
            left=self.left,
            memory_mib_by_left=self.memory,
            submitted_per_s_by_tenth=[jobs / TENTHS / seconds for seconds in self.submitted_s],
            job_p50_ms_by_tenth=self.job_p50,
            memory_mib=max(self.memory),
        )


def _waiting(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(
            connection.execute(text("SELECT count(*) FROM tw_records WHERE status = 'accepted'")).scalar_one()
        )


def _url(given: Given) -> str:
    store = given.store or f"sqlite:///{Home(home_in(given.folder)).store_file}"
    return store.replace("postgresql://", "postgresql+psycopg://", 1)
