"""What a client may ask of its jobs: look, list, cancel."""

import pytest

from tests.unit.store.given import (
    CLIENT,
    LONG,
    OTHER,
    accepted,
    changed,
    claimed,
    finished,
    running,
    taken,
    told,
)
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import Changed, Record, Store

WHY = '{"code":"cancelled"}'


async def cancel(store: Store, job: Record, *, client: str = CLIENT, why: str = WHY) -> Changed | None:
    assert job.job_id is not None
    return await store.cancel(client, job.job_id, why, holder=OTHER, lease_ms=LONG)


async def listed(
    store: Store, *, statuses: list[Status] | None = None, limit: int = 9, before: str | None = None
) -> list[str | None]:
    wanted = list(Status) if statuses is None else statuses
    return [job.job_id for job in await store.jobs(CLIENT, statuses=wanted, limit=limit, before=before)]


@pytest.mark.promise("P5")
async def test_a_job_is_its_own_clients_only(store: Store) -> None:
    job = await accepted(store)
    assert job.job_id is not None
    assert await store.job(CLIENT, job.job_id) == job
    assert await store.job("client-2", job.job_id) is None
    assert await store.job(CLIENT, "no-such-job") is None
    assert await cancel(store, job, client="client-2") is None
    assert await store.jobs("client-2", statuses=list(Status), limit=9, before=None) == []
    assert await store.find(job.key) == job


async def test_jobs_are_listed_newest_first_in_pages(store: Store) -> None:
    jobs = [(await accepted(store)).job_id for _ in range(5)][::-1]
    await claimed(store, token="token-1")
    assert await listed(store) == jobs
    assert await listed(store, limit=2) == jobs[:2]
    assert await listed(store, limit=2, before=jobs[1]) == jobs[2:4]
    assert await listed(store, before=jobs[4]) == []
    assert await listed(store, before="no-such-job") == []


async def test_jobs_are_listed_by_status(store: Store) -> None:
    job = await running(store, token="token-1")
    waiting = await accepted(store)
    assert await listed(store, statuses=[Status.RUNNING]) == [job.job_id]
    assert await listed(store, statuses=[Status.ACCEPTED, Status.DONE]) == [waiting.job_id]
    assert await listed(store, statuses=[]) == []


async def test_a_waiting_job_is_cancelled_at_once(store: Store) -> None:
    job = await accepted(store)
    change = changed(await cancel(store, job))
    assert (change.record.status, change.record.error, change.record.seq) == (Status.CANCELLED, WHY, 2)
    assert told(change) == [(EventName.CANCELLED, 2)]
    assert change.messages[0].record == change.record == await store.find(job.key)
    assert await taken(store) is None


async def test_a_running_job_is_cancelled_by_intent(store: Store) -> None:
    job = await running(store, token="token-1")
    change = changed(await cancel(store, job))
    assert change.messages == ()
    assert change.record.cancel_requested
    assert (change.record.status, change.record.token) == (Status.RUNNING, "token-1")
    assert (change.record.seq, change.record.updated_ms) == (job.seq, job.updated_ms)


async def test_a_second_cancel_changes_nothing(store: Store) -> None:
    job = await running(store, token="token-1")
    first = changed(await cancel(store, job))
    assert await cancel(store, job, why="{}") == first
    await store.retry("token-1", delay_ms=0, holder=OTHER, lease_ms=LONG)
    ended = await store.find(job.key)
    assert ended is not None
    assert ended.error == WHY
    assert changed(await cancel(store, job)) == Changed(ended)


async def test_a_job_that_is_over_stays_as_it_is(store: Store) -> None:
    job = await running(store, token="token-1")
    ended = changed(await finished(store, "token-1")).record
    assert await cancel(store, job) == Changed(ended)
    assert await store.find(job.key) == ended
