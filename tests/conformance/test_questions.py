"""A job asks its owner, waits without a worker, and goes on with the answer."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from pydantic import JsonValue

from tests.conformance.conftest import PATIENCE_S
from tests.served import Approval, Diary, knit, release, sign
from tests.waiting import wait_until
from toolwire.client import (
    Answered,
    Cancelled,
    Current,
    Done,
    InputRequired,
    InvalidArguments,
    Job,
    JobEvent,
    JobFailed,
    JobNotFound,
    JobSnapshot,
    NotAsked,
    Started,
    Status,
)
from toolwire.contracts.errors import Code
from toolwire.contracts.history import Happened
from toolwire.testing import Bench

YES = Approval(approved=True, note="go")


async def asked(job: Job[object], key: str | None = None) -> JobSnapshot:
    """Wait until the job asks (that), and return how it stands then."""
    async with asyncio.timeout(PATIENCE_S):
        async for event in job.events():
            question = event.snapshot.question
            if question is not None and key in (None, question.key):
                return event.snapshot
    raise AssertionError("the job ended without that question")


async def test_a_job_asks_and_goes_on_with_the_answer(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(release, "1.0")
        events: list[JobEvent] = []
        async for event in job.events():
            events.append(event)
            if event.snapshot.status is Status.INPUT_REQUIRED:
                assert event.snapshot == await job.poll()
                after = await job.answer(YES)
                assert (after.question, after.seq) == (None, event.snapshot.seq + 1)
        assert await job.result() == YES
        entries = (await job.history()).entries
    statuses = [event.snapshot.status for event in events]
    [asking, *rest] = events[statuses.index(Status.INPUT_REQUIRED) :]
    assert isinstance(asking, InputRequired | Current)  # the job may ask before anybody looks
    question = asking.snapshot.question
    assert question is not None
    assert (question.key, question.prompt) == ("Approval", "Release 1.0?")
    assert question.answer_schema["additionalProperties"] is False
    assert [type(event) for event in rest] == [Answered, Started, Done]
    assert [entry.event for entry in entries] == [
        *(Happened.ACCEPTED, Happened.STARTED, Happened.INPUT_REQUIRED),
        *(Happened.ANSWERED, Happened.STARTED, Happened.DONE),
    ]
    assert diary.lines() == ["release 1.0 1", "release 1.0 2"]


async def test_a_job_with_one_attempt_may_ask_twice_from_a_thread(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(sign, ["lease", "deed"])
        for paper, approved in (("lease", True), ("deed", False)):
            await asked(job, paper)
            await job.answer({"approved": approved})
        assert await job.result(timeout=PATIENCE_S) == [True, False]


async def test_while_it_waits_a_job_holds_nothing(bench: Bench) -> None:
    async with bench.running() as replica, bench.client() as client:
        job = await client.submit(release, "1.0")
        await asked(job)
        others = [await client.submit(release, f"2.{n}") for n in range(2 * bench.settings.job_slots)]
        await asyncio.gather(*(asked(other) for other in others))
        assert replica.ready
        waiting = (await client.list_jobs(statuses=[Status.INPUT_REQUIRED])).jobs
        assert len(waiting) == 1 + len(others)
        for one in (job, *others):
            await one.answer(YES)
            assert await one.result(timeout=PATIENCE_S) == YES


async def test_an_answer_that_does_not_fit_leaves_the_job_asking(bench: Bench) -> None:
    wrong: list[JsonValue] = [{"approved": "yes"}, {"approved": True, "by": "ada"}, True]
    async with bench.running(), bench.client() as client:
        job = await client.submit(release, "1.0")
        before = await asked(job)
        for answer in wrong:
            with pytest.raises(InvalidArguments) as refused:
                await job.answer(answer)
            assert all(field.path.startswith("/answer") for field in refused.value.fields)
            assert await job.poll() == before
        await job.answer(YES)
        assert await job.result(timeout=PATIENCE_S) == YES


async def test_the_first_answer_counts(bench: Bench) -> None:
    """Two replicas, and two of the owner's programs that answer at once."""
    answers = [Approval(approved=True, note="one"), Approval(approved=False, note="two")]
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(bench.running())
        client = await stack.enter_async_context(bench.client())
        other = await stack.enter_async_context(bench.client())
        job = await client.submit(release, "1.0")
        await asked(job)
        same = other.job(job.id, returns=Approval)
        told = await asyncio.gather(
            job.answer(answers[0]), same.answer(answers[1], key="Approval"), return_exceptions=True
        )
        [won] = [number for number, each in enumerate(told) if isinstance(each, JobSnapshot)]
        assert isinstance(told[1 - won], NotAsked)
        assert await job.result(timeout=PATIENCE_S) == answers[won]


async def test_what_is_not_asked_takes_no_answer(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(release, "1.0")
        await asked(job)
        with pytest.raises(NotAsked):
            await job.answer(YES, key="another")
        await job.answer(YES)
        assert await job.result(timeout=PATIENCE_S) == YES
        for key in (None, "Approval"):
            with pytest.raises(NotAsked):
                await job.answer(YES, key=key)
        busy = await client.submit(knit, "never")
        with pytest.raises(NotAsked):
            await busy.answer(YES)
        await busy.cancel()


@pytest.mark.promise("P4")
async def test_an_answer_under_the_same_request_id_gives_the_stored_answer(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(release, "1.0")
        question = (await asked(job)).question
        assert question is not None
        once = client.options(request_id="answer-17")
        given = {"job_id": job.id, "key": question.key, "answer": {"approved": True}}
        first = await once.call("answer_job", given, returns=JobSnapshot)
        assert first.status is Status.ACCEPTED
        assert await job.result(timeout=PATIENCE_S) == Approval(approved=True)
        assert await once.call("answer_job", given, returns=JobSnapshot) == first


@pytest.mark.promise("P5")
async def test_another_client_can_answer_nothing(bench: Bench) -> None:
    async with bench.running(), bench.client() as client, bench.client("client-002") as other:
        job = await client.submit(release, "1.0")
        before = await asked(job)
        with pytest.raises(JobNotFound):
            await other.job(job.id).answer(YES, key="Approval")
        with pytest.raises(JobNotFound):
            await other.job(job.id).answer(YES)
        assert await job.poll() == before


async def test_a_parked_job_is_cancelled_at_once(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(release, "1.0")
        await asked(job)
        assert (await job.cancel()).status is Status.CANCELLED
        with pytest.raises(NotAsked):
            await job.answer(YES, key="Approval")
        *_, last = [event async for event in job.events()]
        assert isinstance(last, Cancelled)


@pytest.mark.promise("P7")
async def test_a_parked_job_ends_by_its_deadline(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.options(deadline=4).submit(release, "1.0")
        with pytest.raises(JobFailed) as failed:
            await job.result(timeout=PATIENCE_S)
        assert failed.value.code is Code.DEADLINE_EXCEEDED
        assert [entry.event for entry in (await job.history()).entries][-2:] == [
            Happened.INPUT_REQUIRED,
            Happened.ERROR,
        ]


@pytest.mark.promise("P8")
async def test_a_question_outlives_everybody(bench: Bench) -> None:
    """No replica and no client of then is there any more when the answer comes."""
    async with bench.running(), bench.client() as client:
        job = await client.submit(release, "1.0")
        before = await asked(job)
    async with bench.running(), bench.client() as client:
        found = client.job(job.id, returns=Approval)
        assert await found.poll() == before
        await found.answer(YES)
        assert await found.result(timeout=PATIENCE_S) == YES


@pytest.mark.promise("P8")
async def test_what_a_tool_saved_outlives_its_replica(bench: Bench, diary: Diary) -> None:
    async with bench.client() as client:
        lost = await bench.replica().__aenter__()
        job = await client.submit(knit, "gate")
        await wait_until(lambda: "knit gate 1" in diary.lines(), PATIENCE_S, "it has saved")
        await lost.kill()
        diary.open("gate-2")
        async with bench.running():
            assert await job.result(timeout=PATIENCE_S) == [1, 2]
