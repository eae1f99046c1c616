"""A job's history: every attempt is in it, progress is not, and it leaves with the job's body."""

import pytest

from tests.unit.store.given import (
    CLIENT,
    DONE,
    HOLDER,
    LONG,
    OTHER,
    SHORT,
    accepted,
    changed,
    claimed,
    eventually,
    finished,
    running,
    taken,
)
from tests.unit.store.stranger import ask
from toolwire.contracts.history import KEPT_ATTEMPTS, Happened, HistoryEntry, Why
from toolwire.contracts.jobs import Status
from toolwire.services.store.port import Cause, Outcome, Record, Store

Line = tuple[Happened, int, str | None, Why | None]


async def history(store: Store, job: Record, *, client: str = CLIENT) -> list[HistoryEntry]:
    assert job.job_id is not None
    return list(await store.history(client, job.job_id))


async def lines(store: Store, job: Record) -> list[Line]:
    return [(entry.event, entry.attempt, entry.replica, entry.why) for entry in await history(store, job)]


async def handed_back(store: Store, token: str, *, delay_ms: int = 0, cause: Cause | None = None) -> None:
    await store.retry(token, delay_ms=delay_ms, holder=HOLDER, lease_ms=LONG, cause=cause)


async def asked_to_cancel(store: Store, job: Record) -> None:
    await store.cancel(CLIENT, job.job_id or "", '{"code":"cancelled"}', holder=OTHER, lease_ms=LONG)


async def settle_lost(store: Store) -> object:
    return await store.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9)


async def forget(store: Store) -> int:
    return await store.forget(result_ttl_ms=0, skew_ms=LONG, limit=9)


async def told_everything(store: Store) -> None:
    """Settle whatever was to be sent, so that a job may be forgotten."""
    await store.sent(range(1, 100))


async def test_every_attempt_is_told_with_the_replica_that_made_it(store: Store) -> None:
    job = await running(store, token="token-1")
    await handed_back(store, "token-1", cause=Cause(Why.BROKE, "id-1"))
    await taken(store, token="token-2", holder=OTHER)
    await finished(store, "token-2")
    assert await lines(store, job) == [
        (Happened.ACCEPTED, 0, HOLDER, None),
        (Happened.STARTED, 1, HOLDER, None),
        (Happened.RETRYING, 1, HOLDER, Why.BROKE),
        (Happened.STARTED, 2, OTHER, None),
        (Happened.DONE, 2, HOLDER, None),
    ]
    entries = await history(store, job)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry.error_id for entry in entries] == [None, None, "id-1", None, None]
    assert [entry.at_ms for entry in entries] == sorted(entry.at_ms for entry in entries)


async def test_progress_makes_no_line(store: Store) -> None:
    job = await running(store, token="token-1")
    for _ in range(5):
        await store.progress("token-1", "{}", holder=HOLDER, lease_ms=LONG)
    assert [line[0] for line in await lines(store, job)] == [Happened.ACCEPTED, Happened.STARTED]


async def test_when_the_next_attempt_is_due_is_told_where_it_has_to_wait(store: Store) -> None:
    job = await running(store, token="token-1")
    await handed_back(store, "token-1")
    again = changed(await taken(store, token="token-2")).record
    await handed_back(store, "token-2", delay_ms=LONG)
    waits = await store.find(again.key)
    assert waits is not None
    dues = [entry.due_ms for entry in await history(store, job) if entry.event is Happened.RETRYING]
    assert dues == [None, waits.due_ms]


@pytest.mark.promise("P10")
async def test_a_lost_lease_is_told_with_the_replica_that_lost_it(store: Store) -> None:
    job = await running(store, token="token-1", lease_ms=SHORT)
    await eventually(lambda: settle_lost(store))
    assert (await lines(store, job))[-1] == (Happened.RETRYING, 1, HOLDER, Why.LEASE_LOST)
    assert await finished(store, "token-1") is None, "the stale worker writes nothing, here neither"
    assert len(await lines(store, job)) == 3


async def test_a_lost_job_that_may_not_run_again_says_why_it_ended(store: Store) -> None:
    job = await running(store, token="token-1", attempts=1, lease_ms=SHORT)
    await eventually(lambda: settle_lost(store))
    assert (await lines(store, job))[-1] == (Happened.ERROR, 1, HOLDER, Why.LEASE_LOST)


async def test_a_deadline_that_passed_is_told(store: Store) -> None:
    job = await accepted(store, ttl_ms=-1)
    await store.settle_expired(expired="{}", holder=OTHER, lease_ms=LONG, limit=9)
    assert (await lines(store, job))[-1] == (Happened.ERROR, 0, None, Why.DEADLINE)


async def test_the_last_attempt_says_why_as_well(store: Store) -> None:
    job = await running(store, token="token-1")
    await finished(store, "token-1", Outcome(Status.ERROR, error="{}", cause=Cause(Why.DRAINED)))
    assert (await lines(store, job))[-1] == (Happened.ERROR, 1, HOLDER, Why.DRAINED)


async def test_a_wish_to_cancel_is_told_once_beside_its_end(store: Store) -> None:
    job = await running(store, token="token-1")
    await asked_to_cancel(store, job)
    await asked_to_cancel(store, job)
    await handed_back(store, "token-1")
    assert await lines(store, job) == [
        (Happened.ACCEPTED, 0, HOLDER, None),
        (Happened.STARTED, 1, HOLDER, None),
        (Happened.CANCEL_ASKED, 1, HOLDER, None),
        (Happened.CANCELLED, 1, HOLDER, None),
    ]


async def test_a_waiting_job_is_cancelled_in_one_line(store: Store) -> None:
    job = await accepted(store)
    await asked_to_cancel(store, job)
    assert [line[0] for line in await lines(store, job)] == [Happened.ACCEPTED, Happened.CANCELLED]


@pytest.mark.promise("P5")
async def test_a_history_is_its_own_clients_only(store: Store) -> None:
    job = await accepted(store)
    assert await history(store, job, client="client-2") == []
    assert await store.history(CLIENT, "no-such-job") == []


async def test_of_very_many_attempts_the_newest_are_kept(store: Store) -> None:
    attempts = KEPT_ATTEMPTS + 5
    job = await accepted(store, attempts=attempts)
    for number in range(attempts):
        await taken(store, token=f"token-{number}")
        await handed_back(store, f"token-{number}")
    told = await lines(store, job)
    assert told[0] == (Happened.ACCEPTED, 0, HOLDER, None)
    assert sorted({attempt for _, attempt, _, _ in told}) == [0, *range(6, attempts + 1)]


async def test_it_leaves_with_the_body_of_the_job_and_nobody_elses_does(store: Store, store_url: str) -> None:
    job = await running(store, token="token-1")
    await finished(store, "token-1")
    other = await running(store, token="token-2")
    await told_everything(store)
    assert await forget(store) == 1
    assert await history(store, job) == []
    assert len(await history(store, other)) == 2
    assert rows(store_url) == 2


async def test_calls_have_none(store: Store, store_url: str) -> None:
    await claimed(store, token="token-1")
    await store.finish("token-1", DONE, progress=None, tell=True, holder=HOLDER, lease_ms=LONG)
    assert rows(store_url) == 0


def rows(store_url: str) -> int:
    count: int = ask(store_url, "SELECT count(*) FROM tw_history")
    return count
