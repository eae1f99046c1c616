"""A backlog on PostgreSQL, before two replicas: accepted, there after everything was killed, and drained.

Long jobs hold every slot while a client program submits. Then the replicas, RabbitMQ and PostgreSQL are
killed (SIGKILL) and started again with what they have on disk, and the backlog drains. Every job must have
run exactly once and be done, and the memory of the replicas must be flat while it drains.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import Process as Program
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from tests.adversity.memory import Memory
from tests.chaos.ground import ROOT, Ground, Process, tell
from tests.chaos.replica import SERVER, hold
from tests.waiting import wait_until, wait_until_told

SLOTS = 8
LEASE_S = 5.0
IN_FLIGHT = 128
PATIENCE_S = 60.0
LONGEST_TENTH_S = 1800.0
LOOK_EVERY_S = 0.5
MB = 1024 * 1024
FLAT_MB = 15.0
"""By how much a replica may grow from when a tenth has drained, and all its code has run, to the end."""


async def run(ground: Ground, jobs: int) -> None:
    """One run. AssertionError where a job was lost or ran twice, or where memory grew."""
    settings = {"store": ground.database.url, "job_slots": SLOTS, "lease_s": LEASE_S}
    async with ground.replicas(2, **settings) as replicas:
        await _hold_all_slots(ground)
        await _submit(ground, replicas, jobs)
        await asyncio.to_thread(_kill_servers, ground)
    # The replicas were killed as well: all of it was down at the same time.
    ground.open_gate()
    await asyncio.to_thread(_start_servers, ground)
    async with ground.replicas(2, **settings) as replicas:
        await _drain(ground, replicas, jobs)
    _check(ground, jobs)


async def _hold_all_slots(ground: Ground) -> None:
    async with ground.client() as client:
        for _ in range(2 * SLOTS):
            await client.submit(hold)
        await wait_until(lambda: ground.ran()["hold"] == 2 * SLOTS, PATIENCE_S, "a long job in each slot")


async def _submit(ground: Ground, replicas: list[Process], jobs: int) -> None:
    tell(f"before: replicas {_memory(replicas)} MB")
    async with _submitter(ground, jobs) as client:
        began = time.monotonic()
        while not (line := await _line(client)).startswith("accepted"):
            rate, own = int(line) / (time.monotonic() - began), Memory(client.pid).now() / MB
            tell(f"{line:>7} submitted, {rate:.0f}/s; replicas {_memory(replicas)} MB, client {own:.0f} MB")
        rate = jobs / (time.monotonic() - began)
    assert line == f"accepted {jobs}"
    assert _waiting(ground) == jobs
    tell(f"{line}: {rate:.0f} submissions a second; replicas {_memory(replicas)} MB")


@asynccontextmanager
async def _submitter(ground: Ground, jobs: int) -> AsyncGenerator[Program]:
    given = {"TOOLWIRE_HOME": str(ground.home.path), "TOOLWIRE_BROKER_URL": ground.node.url}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.submitter", str(jobs), str(IN_FLIGHT)),
        cwd=ROOT,
        env=os.environ | given,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield program
    finally:
        with suppress(ProcessLookupError):
            program.kill()
        await program.wait()


async def _line(program: Program) -> str:
    assert program.stdout is not None
    line = await asyncio.wait_for(program.stdout.readline(), LONGEST_TENTH_S)
    assert line, "the submitting program ended; its error stands above"
    return line.decode().strip()


def _kill_servers(ground: Ground) -> None:
    ground.node.kill()
    ground.database.kill()


def _start_servers(ground: Ground) -> None:
    began = time.monotonic()
    ground.database.start()
    ground.node.start()
    tell(f"killed everything; PostgreSQL and RabbitMQ are back after {time.monotonic() - began:.1f} s")


async def _drain(ground: Ground, replicas: list[Process], jobs: int) -> None:
    """Wait until all is done, looking at the memory after each tenth."""
    began, next_look = time.monotonic(), jobs * 9 // 10
    tell(f"replicas {_memory(replicas)} MB, {_waiting(ground)} jobs wait")
    after_a_tenth: list[float] = []
    while left := await asyncio.to_thread(_waiting, ground):
        if left <= next_look:
            rate = (jobs - left) / (time.monotonic() - began)
            tell(f"{left:>7} wait, {rate:.0f} jobs a second; replicas {_memory(replicas)} MB")
            after_a_tenth = after_a_tenth or [replica.memory_mb for replica in replicas]
            next_look = left - jobs // 10
        await asyncio.sleep(LOOK_EVERY_S)
    tell(f"drained: {jobs / (time.monotonic() - began):.0f} jobs a second")
    # The leases of the killed replicas run out, and all that happened is told.
    await wait_until_told(lambda: _is_over(ground), PATIENCE_S, "nothing runs, and nothing is untold")
    ends = [replica.memory_mb for replica in replicas]
    grown = max((end - tenth for end, tenth in zip(ends, after_a_tenth, strict=False)), default=0.0)
    tell(f"after all: replicas {_memory(replicas)} MB; they grew by {grown:.1f} MB since a tenth was drained")
    assert grown <= FLAT_MB, f"that is more than {FLAT_MB:g} MB"


def _check(ground: Ground, jobs: int) -> None:
    ran = ground.ran()
    wrong = {number: ran[f"work {number}"] for number in range(jobs) if ran[f"work {number}"] != 1}
    assert not wrong, f"did not run exactly once: {wrong}"
    done = _count(ground, "tool = 'work' AND status = 'done' AND attempt = 1")
    assert done == jobs, f"{done} of {jobs} are done"
    tell(f"all {jobs} jobs ran exactly once and are done")


def _waiting(ground: Ground) -> int:
    return _count(ground, f"server_id = '{SERVER}' AND status = 'accepted'")


async def _is_over(ground: Ground) -> bool:
    untold = await asyncio.to_thread(ground.database.ask, "SELECT 1 FROM tw_outbox LIMIT 1")
    return not untold and _count(ground, "ended_ms IS NULL") == 0


def _count(ground: Ground, where: str) -> int:
    ((count,),) = ground.database.ask(f"SELECT count(*) FROM tw_records WHERE {where}")  # noqa: S608 - ours
    assert isinstance(count, int)
    return count


def _memory(replicas: list[Process]) -> str:
    return " and ".join(f"{replica.memory_mb:.0f}" for replica in replicas)
