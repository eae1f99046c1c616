"""Jobs: from their submission to their end, as events tell it and as polls do."""

import asyncio

import pytest

from tests.conformance.conftest import PATIENCE_S
from tests.served import Diary, Made, bake, brew, count_up, grind
from tests.waiting import wait_until
from toolwire.client import (
    Cancelled,
    Current,
    Done,
    InternalError,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobNotOver,
    Progressed,
    RequestIdConflict,
    Status,
)
from toolwire.testing import Bench


async def noted(diary: Diary, line: str) -> None:
    """Wait until a tool has written that line down."""
    await wait_until(lambda: line in diary.lines(), PATIENCE_S, f"{line!r} in the diary")


async def test_a_job_runs_to_its_end(bench: Bench, diary: Diary) -> None:
    diary.open("gate")
    async with bench.running(), bench.client() as client:
        job = await client.submit(bake, "gate", {"task": "demo"})
        assert await job.result(timeout=PATIENCE_S) == Made(payload={"task": "demo"}, attempt=1)
        assert (await job.poll()).status is Status.DONE


async def test_a_job_that_is_called_is_waited_for(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        assert await client.call(count_up, steps=3) == 3


async def test_a_sync_job_runs_beside_the_loop(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(grind, "gate")
        assert await client.call("mirror", {"value": 1}) == 1
        diary.open("gate")
        assert (await job.result(timeout=PATIENCE_S)).startswith("tool-")


@pytest.mark.promise("P7")
async def test_events_come_in_order_and_equal_the_polls(bench: Bench, diary: Diary) -> None:
    """Each event is the record as a poll at that moment tells it; the last one is how it stays."""
    async with bench.running(), bench.client() as client:
        job = await client.submit(bake, "gate")
        events: list[JobEvent] = []
        async for event in job.events():
            events.append(event)
            if event.snapshot.progress is not None and not event.snapshot.final:
                assert event.snapshot == await job.poll()
                diary.open("gate")
        assert events[-1].snapshot == await job.poll()
    numbers = [event.snapshot.seq for event in events]
    assert numbers == sorted(set(numbers))
    assert isinstance(events[0], Current)
    assert isinstance(events[-1], Done)


async def test_progress_is_told_and_its_last_word_is_kept(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(count_up, 50)
        events = [event async for event in job.events()]
    last = events[-1].snapshot
    assert last.result == 50
    assert last.progress is not None
    assert last.progress.message == "50 of 50"
    assert sum(isinstance(event, Progressed) for event in events) < 50


async def test_the_tools_own_no_is_the_jobs_end(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit("burn")
        with pytest.raises(JobFailed) as failed:
            await job.result(timeout=PATIENCE_S)
    assert failed.value.error.reason == "burnt"


async def test_a_job_that_breaks_runs_again_where_it_may(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        assert await client.call("stumble", {"falls": 1}) == 2
        with pytest.raises((JobFailed, InternalError)):
            await client.call("collapse")


async def test_a_job_that_waits_is_cancelled_at_once(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        busy = [await client.submit(bake, "gate") for _ in range(bench.settings.job_slots)]
        waiting = await client.submit(brew, "never")
        assert (await waiting.cancel()).status is Status.CANCELLED
        with pytest.raises(JobCancelled):
            await waiting.result(timeout=PATIENCE_S)
        diary.open("gate")
        for job in busy:
            await job.result(timeout=PATIENCE_S)
    assert "brew never 1" not in diary.lines()


async def test_a_job_that_runs_is_cancelled_soon(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(brew, "never")
        await noted(diary, "brew never 1")
        assert (await job.cancel()).status in (Status.RUNNING, Status.CANCELLED)
        async with asyncio.timeout(PATIENCE_S):
            *_, last = [event async for event in job.events()]
        assert isinstance(last, Cancelled)
        assert last.snapshot == await job.poll()


async def test_cancelling_what_is_over_changes_nothing(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(count_up, 1)
        assert await job.result(timeout=PATIENCE_S) == 1
        before = await job.poll()
        assert await job.cancel() == before
        assert await job.result() == 1


async def test_a_wait_that_ends_early_loses_nothing(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(bake, "gate")
        with pytest.raises(JobNotOver):
            await job.result(timeout=0.1)
        diary.open("gate")
        assert (await job.result(timeout=PATIENCE_S)).attempt == 1


async def test_a_job_that_takes_too_long_ends_by_its_deadline(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.options(deadline=0.5).submit(bake, "never")
        with pytest.raises(JobFailed) as failed:
            await job.result(timeout=PATIENCE_S)
    assert failed.value.error.code == "deadline_exceeded"


@pytest.mark.promise("P4")
async def test_a_submission_that_is_repeated_is_one_job(bench: Bench, diary: Diary) -> None:
    diary.open("gate")
    async with bench.running(), bench.client() as client:
        again = client.options(request_id="order-17")
        first, second = await again.submit(bake, "gate"), await again.submit(bake, "gate")
        assert first.id == second.id
        assert await first.result(timeout=PATIENCE_S) == await second.result(timeout=PATIENCE_S)
        with pytest.raises(RequestIdConflict):
            await again.submit(bake, "another gate")
    assert diary.lines().count("bake gate 1") == 1


async def test_jobs_are_listed_newest_first_by_page_and_by_status(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        jobs = [await client.submit(count_up, 1) for _ in range(3)]
        for job in jobs:
            await job.result(timeout=PATIENCE_S)
        going = await client.submit(bake, "gate")
        await noted(diary, "bake gate 1")
        newest = [going.id, *(job.id for job in reversed(jobs))]
        assert [job.job_id for job in (await client.list_jobs()).jobs] == newest
        assert [job.job_id for job in (await client.list_jobs(limit=2)).jobs] == newest[:2]
        assert [job.job_id for job in (await client.list_jobs(before=newest[1])).jobs] == newest[2:]
        running = await client.list_jobs(statuses=[Status.RUNNING])
        assert [job.job_id for job in running.jobs] == [going.id]
        diary.open("gate")
        await going.result(timeout=PATIENCE_S)
