"""Two replica processes at full load on one SQLite file.

A client calls tools with a record, submits jobs, follows and polls them, all at the same time. No replica may
ever find the database locked, and every call and job must run exactly once.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.chaos.ground import Ground, tell
from tests.chaos.replica import charge, work
from toolwire.client import Client

SECONDS = 30.0
CALLERS = 24
FOLLOWERS = 24
POLLERS = 8

Step = Callable[[], Awaitable[None]]


class Load:
    """One client's work, and how much of it is done."""

    def __init__(self, client: Client, job_id: str) -> None:
        self._client = client
        self._numbers = itertools.count()
        self._job_id = job_id
        self.asked: set[str] = set()
        self.done: Counter[str] = Counter()

    async def call(self) -> None:
        """A call that leaves a record."""
        number = next(self._numbers)
        self.asked.add(f"charge {number}")
        await self._client.call(charge, number=number)
        self.done["calls"] += 1

    async def follow(self) -> None:
        """A job, to its end."""
        number = next(self._numbers)
        self.asked.add(f"work {number}")
        job = await self._client.submit(work, number=number)
        self._job_id = job.id
        await job.result()
        self.done["jobs"] += 1

    async def poll(self) -> None:
        """A look at the job that was submitted last."""
        await self._client.job(self._job_id).poll()
        self.done["polls"] += 1


async def run(ground: Ground, seconds: float = SECONDS) -> None:
    """One run. AssertionError where the database was found locked, or something ran not at all or twice."""
    async with ground.replicas(2, store=ground.sqlite) as replicas, ground.client() as client:
        load = Load(client, (await client.submit(work, number=-1)).id)
        await _for_seconds(seconds, load)
        rates = ", ".join(f"{count / seconds:.0f} {what}" for what, count in sorted(load.done.items()))
        memory = " and ".join(f"{replica.memory_mb:.0f}" for replica in replicas)
        tell(f"SQLite, two replicas: {rates} a second for {seconds:g} s; {memory} MB")
    said = ground.said()
    assert "locked" not in said, said
    assert "away" not in said, said
    ran = ground.ran()
    wrong = {name: ran[name] for name in load.asked if ran[name] != 1}
    assert not wrong, f"did not run exactly once: {wrong}"
    tell(f"all {len(load.asked)} calls and jobs ran once, and nobody found the database locked")


async def _for_seconds(seconds: float, load: Load) -> None:
    """Everybody at the same time, each one step after the other."""
    until = time.monotonic() + seconds

    async def over_and_over(step: Step) -> None:
        while time.monotonic() < until:
            await step()

    crowd = [*CALLERS * [load.call], *FOLLOWERS * [load.follow], *POLLERS * [load.poll]]
    await asyncio.gather(*map(over_and_over, crowd))
