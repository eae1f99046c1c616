"""Jobs that wait: until a time, behind those that go first, and many of them at once."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.conftest import CLIENTS, PATIENCE_S
from tests.conformance.test_jobs import noted
from tests.served import Diary, bake, count_up, service
from toolwire.broker.transport import Transport
from toolwire.client import (
    InvalidSchedule,
    Job,
    JobCancelled,
    Status,
    submission,
)
from toolwire.testing import Bench

DELAY_S = 0.6


async def test_a_delayed_job_starts_when_it_is_due(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        before_ms = time.time_ns() // 10**6
        job = await client.options(delay=DELAY_S).submit(count_up, 1)
        assert await job.result(timeout=PATIENCE_S) == 1
        accepted = (await job.history()).entries[0]
        started_ms = (await job.poll()).started_ms
    assert accepted.due_ms is not None
    assert started_ms is not None
    assert before_ms + DELAY_S * 1000 <= accepted.due_ms <= started_ms


async def test_a_scheduled_job_waits_and_can_be_cancelled(bench: Bench) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    async with bench.running(), bench.client() as client:
        job = await client.options(run_at=at).submit(count_up, 1)
        waiting = await job.poll()
        assert (waiting.status, waiting.due_ms) == (Status.ACCEPTED, round(at.timestamp() * 1000))
        assert (await job.cancel()).status is Status.CANCELLED
        with pytest.raises(JobCancelled):
            await job.result(timeout=PATIENCE_S)


async def test_only_a_job_can_wait(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        with pytest.raises(InvalidSchedule, match="only a job"):
            await client.options(priority=1).submit("add", {"numbers": [1]})


async def test_the_highest_priority_goes_first_and_then_the_eldest(transport: Transport) -> None:
    bench = Bench(service, os.environ["TOOLWIRE_HOME"], transport, clients=CLIENTS, job_slots=1)
    diary = Diary(bench.home.path)
    async with bench.running(), bench.client() as client:
        first = await client.submit(bake, "gate")
        await noted(diary, "bake gate 1")
        jobs = [await client.options(priority=priority).submit(count_up, 1) for priority in (-1, 0, 5, 0)]
        diary.open("gate")
        await asyncio.gather(first.result(), *(job.result(timeout=PATIENCE_S) for job in jobs))
        started = [(await job.poll()).started_ms or 0 for job in jobs]
    low, normal, high, second = started
    assert high <= normal <= second <= low


async def test_many_jobs_have_an_outcome_each_in_their_order(bench: Bench) -> None:
    """An item that fails costs itself alone."""
    async with bench.running(), bench.client() as client:
        items = [
            submission(count_up, 1),
            submission(count_up, steps="many"),  # type: ignore[call-overload]  # pyright says reportArgumentType
            submission("no_such_tool"),
            submission("count_up", {"steps": 2}).options(request_id="order-2"),
            submission(count_up, 3).options(request_id="no id"),
        ]
        outcomes = await client.submit_many(items, in_flight=2)
        jobs = [outcome for outcome in outcomes if isinstance(outcome, Job)]
        assert [await job.result(timeout=PATIENCE_S) for job in jobs] == [1, 2]
        assert [type(outcome).__name__ for outcome in outcomes] == [
            "Job",
            "InvalidArguments",
            "ToolNotAvailable",
            "Job",
            "UsageError",
        ]
        (again,) = await client.submit_many([items[3]])
        assert isinstance(again, Job)
        assert again.id == jobs[1].id
