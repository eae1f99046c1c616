"""Several replicas are one server: they share the work, and any of them answers for all."""

import asyncio

import pytest

from tests.served import bake, brew, peek
from tests.stage import Stage, progress_of
from toolwire.client import JobCancelled, Status


async def test_replicas_run_calls_side_by_side(stage: Stage) -> None:
    """Each has one place, and both calls are at the gate."""
    async with stage.replica(places=1), stage.replica(places=1), stage.client() as client:
        calls = asyncio.gather(*(client.call(peek, "gate") for _ in range(2)))
        await stage.noted("peek gate", times=2)
        stage.diary.open("gate")
        assert await calls == ["gate", "gate"]


async def test_replicas_run_jobs_side_by_side(stage: Stage) -> None:
    """Each has one slot: who accepts a job that it has no slot for lets the other one know."""
    async with stage.replica(job_slots=1), stage.replica(job_slots=1), stage.client() as client:
        jobs = [await client.submit(brew, "gate") for _ in range(2)]
        await stage.noted("brew gate 1", times=2)
        stage.diary.open("gate")
        assert [(await job.result(timeout=15)).attempt for job in jobs] == [1, 1]


async def test_a_replica_that_comes_later_takes_up_waiting_jobs(stage: Stage) -> None:
    async with stage.replica(job_slots=1), stage.client() as client:
        jobs = [await client.submit(bake, gate) for gate in ("first", "second")]
        await stage.noted("bake first 1")
        async with stage.replica(job_slots=1):
            await stage.noted("bake second 1")
            stage.diary.open("first")
            stage.diary.open("second")
            for job in jobs:
                assert (await job.result(timeout=15)).attempt == 1


@pytest.mark.promise("P7")
async def test_every_replica_tells_the_same_of_a_job(stage: Stage) -> None:
    """The polls go around among the replicas; one of them runs the job."""
    async with stage.replicas(2), stage.client() as client:
        job = await client.submit(bake, "gate")
        told = await progress_of(job)
        assert [await job.poll() for _ in range(8)] == [told] * 8
        stage.diary.open("gate")
        await job.result(timeout=15)
        over = await job.poll()
        assert [await job.poll() for _ in range(8)] == [over] * 8


async def test_every_replica_cancels_what_another_one_runs(stage: Stage) -> None:
    """Soon, not only at the next renewal of the lease, which is 20 s away."""
    async with stage.replica(lease_s=60), stage.replica(lease_s=60), stage.client() as client:
        jobs = [await client.submit(brew, "never") for _ in range(4)]
        await stage.noted("brew never 1", times=4)
        for job in jobs:
            await job.cancel()
        for job in jobs:
            with pytest.raises(JobCancelled):
                await job.result(timeout=15)
            assert (await job.poll()).status is Status.CANCELLED


@pytest.mark.promise("P8")
async def test_a_waiting_job_outlives_the_replica_that_accepted_it(stage: Stage) -> None:
    async with stage.client() as client:
        async with stage.replica(job_slots=1, grace_s=0.1):
            await client.submit(bake, "never")
            await stage.noted("bake never 1")
            waiting = await client.submit(bake, "gate")
        stage.diary.open("gate")
        async with stage.replica():
            assert (await waiting.result(timeout=15)).attempt == 1
