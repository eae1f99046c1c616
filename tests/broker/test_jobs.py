"""A job is accepted, told of by events, found by polls, and ends once, told the same by both."""

import pytest

from tests.handmade import Handmade
from tests.served import SERVER, Made, add, bake, burn, collapse, count_up, grind, misbake, stumble
from tests.stage import CLIENTS, HMAC_CLIENT, Stage, at_the_gate
from toolwire.client import (
    Failed,
    JobFailed,
    JobNotOver,
    NotAJob,
    Status,
)
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import EventName

SECRET = "a secret that no caller may see"


# --- from submission to result ---


async def test_a_submission_is_answered_accepted_with_the_jobs_id(stage: Stage) -> None:
    stage.diary.open("gate")
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        answer = await hand.ask(hand.request("bake", {"gate": "gate"}))
        assert (answer.ok, answer.status) == (True, "accepted")
        assert isinstance(answer.result, dict)
        assert list(answer.result) == ["job_id"]


@pytest.mark.parametrize("client_id", [CLIENTS[0], HMAC_CLIENT])
async def test_a_job_gives_its_result_as_its_function_states_it(stage: Stage, client_id: str) -> None:
    stage.diary.open("gate")
    async with stage.replica(), stage.client(client_id) as client:
        job = await client.submit(bake, gate="gate", payload={"task": [1, None]})
        assert await job.result(timeout=15) == Made(payload={"task": [1, None]}, attempt=1)
        by_name = await client.submit("bake", {"gate": "gate"})
        assert await by_name.result(timeout=15) == {"payload": None, "attempt": 1}
        read = await client.submit("bake", {"gate": "gate"}, returns=Made)
        assert await read.result(timeout=15) == Made(payload=None, attempt=1)


async def test_a_sync_job_runs_in_a_thread_of_its_own(stage: Stage) -> None:
    stage.diary.open("gate")
    async with stage.replica(), stage.client() as client:
        job = await client.submit(grind, "gate")
        assert (await job.result(timeout=15)).startswith("tool-")


async def test_jobs_wait_for_a_free_slot(stage: Stage) -> None:
    async with stage.replica(job_slots=1), stage.client() as client:
        async with at_the_gate(stage, client):
            second = await client.submit(count_up, 1)
            assert (await second.poll()).status is Status.ACCEPTED
        assert await second.result(timeout=15) == 1


async def test_a_wait_that_is_over_before_the_job_loses_nothing(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client, at_the_gate(stage, client) as (job, _):
        with pytest.raises(JobNotOver) as unfinished:
            await job.result(timeout=0.3)
        assert unfinished.value.job_id == job.id
        stage.diary.open("gate")
        assert (await job.result(timeout=15)).attempt == 1


async def test_what_answers_at_once_is_no_job(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        with pytest.raises(NotAJob, match="use `call`") as caught:
            await client.submit(add.name, {"numbers": [1]})
    assert caught.value.result == {"count": 1, "total": 1}


# --- jobs that fail ---


async def test_a_jobs_own_error_ends_it_in_its_own_words(stage: Stage) -> None:
    """Although it might have run again: it said no, it did not break."""
    async with stage.replica(), stage.client() as client:
        job = await client.submit(burn)
        with pytest.raises(JobFailed, match="The bread is burnt") as failed:
            await job.result(timeout=15)
    assert (failed.value.code, failed.value.reason, failed.value.data) == (
        Code.TOOL_ERROR,
        "burnt",
        {"minutes": 40},
    )
    assert stage.diary.lines() == ["burn"]


async def test_a_job_that_breaks_gives_away_nothing_but_an_error_id(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        job = await client.submit(collapse)
        *_, last = [event async for event in job.events()]
    assert isinstance(last, Failed)
    assert (last.error.code, list(last.error.data or {})) == (Code.INTERNAL, ["error_id"])
    assert SECRET not in last.snapshot.model_dump_json()


async def test_a_jobs_result_against_its_contract_is_an_error(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        with pytest.raises(JobFailed) as failed:
            await (await client.submit(misbake)).result(timeout=15)
    assert failed.value.code is Code.RESULT_INVALID


async def test_a_job_that_breaks_runs_again_where_it_may(stage: Stage) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        await hand.send(hand.request("stumble", {"falls": 1}))
        done = await hand.heard(EventName.DONE)
    assert [event.event for event in hand.events] == ["accepted", "started", "retrying", "started", "done"]
    assert [event.data.attempt for event in hand.events] == [0, 1, 1, 2, 2]
    assert done.data.result == 2


async def test_a_job_that_breaks_in_every_attempt_fails(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        job = await client.submit(stumble, 3)
        with pytest.raises(JobFailed) as failed:
            await job.result(timeout=15)
        assert failed.value.code is Code.INTERNAL
        assert (await job.poll()).attempt == 3


@pytest.mark.promise("P7")
async def test_a_running_job_ends_by_its_deadline(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        job = await client.options(deadline=1).submit(bake, "gate")
        with pytest.raises(JobFailed) as failed:
            await job.result(timeout=15)
        assert failed.value.code is Code.DEADLINE_EXCEEDED
        assert (await job.poll()).attempt == 1


@pytest.mark.promise("P7")
async def test_a_waiting_job_ends_by_its_deadline(stage: Stage) -> None:
    async with stage.replica(job_slots=1), stage.client() as client, at_the_gate(stage, client):
        job = await client.options(deadline=1).submit(count_up, 1)
        with pytest.raises(JobFailed) as failed:
            await job.result(timeout=15)
        assert failed.value.code is Code.DEADLINE_EXCEEDED
        assert (await job.poll()).attempt == 0


# --- looking back ---


async def test_a_client_finds_its_jobs_newest_first(stage: Stage) -> None:
    async with stage.replica(job_slots=1), stage.client() as client:
        done = [await client.submit(count_up, 1) for _ in range(2)]
        for job in done:
            await job.result(timeout=15)
        async with at_the_gate(stage, client) as (running, _):
            waiting = await client.submit(count_up, 1)
            newest_first = [waiting.id, running.id, done[1].id, done[0].id]
            assert [job.job_id for job in (await client.list_jobs()).jobs] == newest_first
            over = await client.list_jobs(statuses=[Status.DONE])
            assert [job.job_id for job in over.jobs] == newest_first[2:]
            page = await client.list_jobs(limit=2, before=waiting.id)
            assert [job.job_id for job in page.jobs] == newest_first[1:3]
            assert page.jobs[0] == await running.poll()


@pytest.mark.promise("P6", "P8")
async def test_a_job_is_found_again_by_a_later_process_of_the_same_instance(stage: Stage) -> None:
    """The events that came in the meantime have waited."""
    async with stage.replica():
        async with stage.client(instance="desk") as client:
            job_id = (await client.submit(bake, "gate")).id
        stage.diary.open("gate")
        async with stage.client(instance="desk") as later:
            job = later.job(job_id, returns=Made)
            assert await job.result(timeout=15) == Made(payload=None, attempt=1)


async def test_a_job_is_found_again_by_its_id_alone(stage: Stage) -> None:
    """By another instance of the same client, which the events do not go to: the poll tells."""
    stage.diary.open("gate")
    async with stage.replica():
        async with stage.client() as client:
            job_id = (await client.submit(bake, "gate")).id
        async with stage.client() as later:
            assert (await later.job(job_id, returns=Made, server=SERVER).result(timeout=15)).attempt == 1
