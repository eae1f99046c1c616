"""A job's history end to end: attempts that were lost are in it; and a list longer than a message."""

import pytest
from pydantic import JsonValue

from tests.served import brew, mirror, stumble
from tests.stage import Stage, progress_of
from toolwire.cli.job_pages import all_jobs
from toolwire.client import HistoryEntry, Job, JobNotFound, ResultTooLarge
from toolwire.contracts.history import Happened, Why

PAYLOAD = "x" * 500_000
"""Two of them fit a message, three do not."""


def words(entries: tuple[HistoryEntry, ...]) -> list[tuple[Happened, int, Why | None]]:
    return [(entry.event, entry.attempt, entry.why) for entry in entries]


@pytest.mark.promise("P10")
async def test_an_attempt_that_a_killed_replica_lost_is_in_the_history(stage: Stage) -> None:
    async with stage.client() as client:
        async with stage.process() as lost:
            job = await client.submit(brew, "gate")
            await progress_of(job)
            await lost.kill()
        async with stage.replica() as replica:
            await progress_of(job, attempt=2)
            stage.diary.open("gate")
            await job.result()
            history = await job.history()
    assert words(history.entries) == [
        (Happened.ACCEPTED, 0, None),
        (Happened.STARTED, 1, None),
        (Happened.RETRYING, 1, Why.LEASE_LOST),
        (Happened.STARTED, 2, None),
        (Happened.DONE, 2, None),
    ]
    first, second = history.entries[1].replica, history.entries[3].replica
    assert history.entries[2].replica == first != second == replica.name


async def test_a_job_that_broke_tells_its_error_ids(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        job = await client.submit(stumble, 1)
        await job.result()
        history = await job.history()
    broke = [entry for entry in history.entries if entry.why is Why.BROKE]
    assert [entry.event for entry in broke] == [Happened.RETRYING]
    assert broke[0].error_id is not None
    assert broke[0].due_ms is not None


@pytest.mark.promise("P5")
async def test_anothers_history_and_none_look_the_same(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client, stage.client("client-002") as stranger:
        job = await client.submit(stumble, 0)
        await job.result()
        for other in (stranger.job(job.id), client.job("no-such-job")):
            with pytest.raises(JobNotFound):
                await other.history()


async def test_a_list_longer_than_a_message_is_read_to_its_end(stage: Stage) -> None:
    stage.diary.open("gate")
    async with stage.replica(), stage.client() as client:
        jobs = [await client.submit(brew, "gate", PAYLOAD) for _ in range(4)]
        for job in jobs:
            await job.result()
        with pytest.raises(ResultTooLarge):
            await client.list_jobs()
        listed = [job.job_id async for job in all_jobs(client, ())]
        assert listed == [job.id for job in reversed(jobs)]
        paged = [job.job_id async for job in all_jobs(client, (), page=1)]
        assert paged == listed


async def test_a_tool_is_begun_and_a_job_given_back(stage: Stage) -> None:
    stage.diary.open("gate")
    async with stage.replica(), stage.client() as client:
        assert await client.begin(mirror.name, {"value": [1]}) == [1]
        job = await client.begin(brew.name, {"gate": "gate"})
        assert isinstance(job, Job)
        made: JsonValue = await job.result()
        assert made == {"payload": None, "attempt": 1}
