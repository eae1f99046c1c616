"""Every record is its client's own, and every answer goes home."""

from collections.abc import Awaitable

import pytest

from tests.handmade import INSTANCE, Handmade
from tests.served import bake, book, count_up
from tests.stage import CLIENTS, Stage
from toolwire.client import JobNotFound, JobSnapshot, Status

OWNER, OTHER = CLIENTS


@pytest.mark.promise("P5")
async def test_another_clients_job_and_no_job_look_the_same(stage: Stage) -> None:
    """To polls and to cancels, word for word; and the job goes on."""
    async with stage.replica(), stage.client(OWNER) as owner, stage.client(OTHER) as other:
        job = await owner.submit(bake, "gate")
        await stage.noted("bake gate 1")
        told = [
            await _not_found(asking)
            for job_id in (job.id, "no-such-job")
            for asking in (other.job(job_id).poll(), other.job(job_id).cancel())
        ]
        assert len(set(told)) == 1
        assert (await job.poll()).status is Status.RUNNING
        stage.diary.open("gate")
        assert (await job.result(timeout=15)).attempt == 1


async def _not_found(asking: Awaitable[JobSnapshot]) -> str:
    with pytest.raises(JobNotFound) as refused:
        await asking
    return refused.value.error.model_dump_json()


@pytest.mark.promise("P5")
async def test_a_client_lists_its_own_jobs_only(stage: Stage) -> None:
    async with stage.replica(), stage.client(OWNER) as owner, stage.client(OTHER) as other:
        job = await owner.submit(count_up, 1)
        assert [each.job_id for each in (await owner.list_jobs()).jobs] == [job.id]
        assert not (await other.list_jobs()).jobs
        assert not (await other.list_jobs(before=job.id)).jobs


@pytest.mark.promise("P4", "P5")
async def test_a_request_id_is_its_clients_own(stage: Stage) -> None:
    """The same id of two clients names two requests, and neither learns of the other's."""
    async with stage.replica(), stage.client(OWNER) as owner, stage.client(OTHER) as other:
        jobs = [await client.options(request_id="order-17").submit(count_up, 1) for client in (owner, other)]
        assert jobs[0].id != jobs[1].id
        assert [await job.result(timeout=15) for job in jobs] == [1, 1]
        assert await owner.options(request_id="order-18").call(book, "table") == 1
        assert await other.options(request_id="order-18").call(book, "chair") == 2


@pytest.mark.promise("P6")
async def test_an_answer_goes_to_the_signers_queue_whatever_instance_it_names(stage: Stage) -> None:
    """Another client listens under the instance that the request names, and hears nothing."""
    async with (
        stage.replica(),
        Handmade(stage.url, stage.home, OWNER) as owner,
        Handmade(stage.url, stage.home, OTHER) as other,
    ):
        assert (await owner.ask(owner.request("book", {"item": "table"}, reply_to=INSTANCE))).result == 1
        assert (await other.ask(other.request("book", {"item": "chair"}))).result == 2
        assert len(owner.responses) == len(other.responses) == 1
