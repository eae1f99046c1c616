"""Several replicas on one store, and replicas that are killed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from pathlib import Path

import pytest

from tests.unit.store.given import (
    DONE,
    HOLDER,
    LONG,
    OTHER,
    SERVER,
    accepted,
    changed,
    claimed,
    finished,
    fresh,
    request,
    running,
    taken,
    told,
    unsent,
)
from toolwire.contracts.jobs import Status
from toolwire.services.store import open_store
from toolwire.services.store.port import Changed, RecordKey, Store

ROOT = Path(__file__).parents[3]
ROUNDS = 25
FULL_LOAD_FOR = 1.5  # seconds
CONFIRMED_BEFORE_THE_KILL = 200


@pytest.mark.promise("P4")
async def test_of_two_claims_one_wins(store: Store, other: Store) -> None:
    for _ in range(ROUNDS):
        new = request()
        answers = await asyncio.gather(
            *(at.claim(new, token=fresh("token"), holder=HOLDER, lease_ms=LONG) for at in (store, other))
        )
        (won,) = [answer for answer in answers if isinstance(answer, Changed)]
        assert won.record in answers


@pytest.mark.promise("P4")
async def test_of_two_accepts_one_wins(store: Store, other: Store) -> None:
    for _ in range(ROUNDS):
        new = request(kind="job")
        answers = await asyncio.gather(
            *(at.accept(new, holder=HOLDER, lease_ms=LONG) for at in (store, other))
        )
        assert sum(isinstance(answer, Changed) for answer in answers) == 1


@pytest.mark.promise("P4")
async def test_each_job_is_taken_once(store: Store, other: Store) -> None:
    jobs = {(await accepted(store)).key for _ in range(ROUNDS)}
    takes = await asyncio.gather(*(taken(at) for _ in range(ROUNDS) for at in (store, other)))
    won = [take.record.key for take in takes if take is not None]
    assert len(won) == len(jobs)
    assert set(won) == jobs


@pytest.mark.promise("P10")
async def test_a_finish_and_a_sweep_cannot_both_end_a_record(store: Store, other: Store) -> None:
    for _ in range(ROUNDS):
        token = fresh("token")
        job = await running(store, token=token, attempts=1, lease_ms=0)
        ended, swept = await asyncio.gather(
            finished(store, token),
            other.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9),
        )
        (change,) = [*swept] if ended is None else [ended, *swept]
        assert change.record == await store.find(job.key)
        assert [seq for _, seq in told(change)] == [3]


async def test_a_cancel_and_a_take_agree(store: Store, other: Store) -> None:
    for _ in range(ROUNDS):
        job = await accepted(store)
        assert job.job_id is not None
        cancelled, took = await asyncio.gather(
            other.cancel(job.key.client_id, job.job_id, "{}", holder=OTHER, lease_ms=LONG), taken(store)
        )
        change = changed(cancelled)
        assert change.record.cancel_requested
        assert change.record.status is (Status.CANCELLED if took is None else Status.RUNNING)
        if took is not None:
            assert took.record.token is not None
            await finished(store, took.record.token)


async def test_a_message_is_handed_to_one_sender(store: Store, other: Store) -> None:
    for _ in range(ROUNDS):
        await accepted(store, lease_ms=0)
    batches = await asyncio.gather(*(unsent(at, limit=7) for _ in range(ROUNDS) for at in (store, other)))
    numbers = [message.number for batch in batches for message in batch]
    assert len(numbers) == len(set(numbers)) == ROUNDS


@pytest.mark.promise("P10")
async def test_a_queue_that_many_work_and_sweep_runs_each_job_once(store: Store, other: Store) -> None:
    jobs = [
        (await accepted(at, client=f"client-{number % 5}")).key
        for number in range(ROUNDS)
        for at in (store, other)
    ]
    left = set(jobs)
    ended: list[RecordKey] = []

    async def work(at: Store) -> None:
        while left:
            token = fresh("token")
            if (job := await taken(at, token=token)) is None:
                return
            assert token in await at.renew([token], lease_ms=LONG)
            await at.progress(token, "{}", holder=HOLDER, lease_ms=0)
            ended.append(changed(await finished(at, token, lease_ms=0)).record.key)
            left.discard(job.record.key)

    async def sweep(at: Store) -> None:
        while left:
            assert await at.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9) == []
            assert await at.settle_expired(expired="{}", holder=OTHER, lease_ms=LONG, limit=9) == []
            await at.sent([message.number for message in await unsent(at, limit=9)])
            await at.forget(result_ttl_ms=LONG, skew_ms=0, limit=9)

    await asyncio.gather(*(work(at) for at in (store, other) * 6), *(sweep(at) for at in (store, other)))
    assert sorted(ended, key=str) == sorted(jobs, key=str)
    for key in jobs:
        record = await store.find(key)
        assert record is not None
        assert (record.status, record.attempt, record.seq) == (Status.DONE, 1, 4)


async def test_two_replicas_may_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    for number in range(ROUNDS):
        url = f"sqlite:///{tmp_path / f'{number}.sqlite3'}"
        await asyncio.gather(open_and_close(url), open_and_close(url))


async def test_two_processes_at_full_load_never_fail(store_url: str) -> None:
    processes = [await hammer(store_url, name, seconds=FULL_LOAD_FOR) for name in ("one", "two")]
    lines = await asyncio.gather(*(lines_of(process) for process in processes))
    assert [await end_of(process) for process in processes] == [(0, "")] * 2
    assert all(lines)


@pytest.mark.promise("P8")
async def test_what_was_confirmed_survives_a_kill(store_url: str) -> None:
    """The process dies in the middle of its work; what it had heard as done is done, and wholly."""
    process = await hammer(store_url, "killed", seconds=60)
    confirmed = await lines_of(process, CONFIRMED_BEFORE_THE_KILL)
    process.kill()
    confirmed += await lines_of(process)
    await process.wait()
    async with open_store(store_url, SERVER) as store:
        for line in confirmed:
            record = await store.find(RecordKey(*line.split()))
            assert record is not None
            assert (record.status, record.result, record.seq) == (Status.DONE, DONE.result, 3)
        call = await claimed(store, token="token-1")
        assert await store.find(call.key) == call


async def open_and_close(url: str) -> None:
    async with open_store(url, SERVER) as store:
        await claimed(store, token=fresh("token"))


async def hammer(url: str, name: str, *, seconds: float) -> Process:
    """Start a process that loads the store."""
    arguments = ("-m", "tests.unit.store.hammer", url, name, str(seconds))
    return await create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=PIPE, stderr=PIPE)


async def lines_of(process: Process, count: int | None = None) -> list[str]:
    """Read what the process confirms: `count` lines, or all until it ends."""
    assert process.stdout is not None
    lines: list[str] = []
    while (count is None or len(lines) < count) and (line := await process.stdout.readline()).endswith(b"\n"):
        lines.append(line.decode())
    return lines


async def end_of(process: Process) -> tuple[int | None, str]:
    """Wait for the process, and return how it ended and what it complained of."""
    _, complaints = await process.communicate()
    return process.returncode, complaints.decode()
