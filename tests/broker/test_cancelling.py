"""A cancel ends a job at once while it waits, soon while it runs, and not at all when it is over."""

import asyncio

import pytest

from tests.served import brew, count_up, grind
from tests.stage import Stage, at_the_gate
from toolwire.client import (
    Cancelled,
    Job,
    JobCancelled,
    Status,
)


async def test_a_waiting_job_is_cancelled_at_once(stage: Stage) -> None:
    async with stage.replica(job_slots=1), stage.client() as client, at_the_gate(stage, client):
        job = await client.submit(brew, "never")
        assert (await job.cancel()).status is Status.CANCELLED
        with pytest.raises(JobCancelled):
            await job.result(timeout=15)
    assert "brew never 1" not in stage.diary.lines()


@pytest.mark.promise("P7")
async def test_a_running_job_is_cancelled_soon(stage: Stage) -> None:
    async with stage.replica(lease_s=60), stage.client() as client:
        job = await client.submit(brew, "never")
        await stage.noted("brew never 1")
        assert (await job.cancel()).status in (Status.RUNNING, Status.CANCELLED)
        async with asyncio.timeout(10):  # the next renewal, which would find out as well, is 20 s away
            *_, last = [event async for event in job.events()]
        assert isinstance(last, Cancelled)
        assert last.snapshot == await job.poll()
        assert last.snapshot.attempt == 1


async def test_a_running_thread_is_cancelled_as_far_as_its_caller_is_concerned(stage: Stage) -> None:
    """The thread itself cannot be stopped: what it gives counts for nothing."""
    async with stage.replica(lease_s=60), stage.client() as client:
        job = await client.submit(grind, "gate")
        await _running(job)
        await job.cancel()
        with pytest.raises(JobCancelled):
            await job.result(timeout=15)
        before = await job.poll()
        stage.diary.open("gate")
        assert await job.poll() == before


async def test_cancelling_what_is_over_changes_nothing(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        job = await client.submit(count_up, 1)
        assert await job.result(timeout=15) == 1
        before = await job.poll()
        assert await job.cancel() == before
        assert await job.poll() == before
        assert await job.result() == 1


async def _running(job: Job[str]) -> None:
    """Wait until the job was taken."""
    async for event in job.events():
        if event.snapshot.status is Status.RUNNING:
            return
