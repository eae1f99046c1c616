"""What the holder of a token can do, and that nobody else can."""

from collections.abc import Awaitable, Callable

import pytest

from tests.unit.store.given import (
    CANCELLED,
    CLIENT,
    DONE,
    FAILED,
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
    told,
    unsent,
)
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import Lease, Outcome, Store

HALF = '{"fraction":0.5,"message":"half way"}'


async def test_a_renewed_lease_ends_later_and_is_no_event(store: Store) -> None:
    job = await running(store, token="token-1", lease_ms=LONG)
    assert await store.renew(["token-1"], lease_ms=2 * LONG) == {"token-1": Lease(cancel_requested=False)}
    renewed = await store.find(job.key)
    assert renewed is not None
    assert job.lease_until_ms is not None
    assert renewed.lease_until_ms is not None
    assert renewed.lease_until_ms >= job.lease_until_ms + LONG
    assert (renewed.seq, renewed.updated_ms) == (job.seq, job.updated_ms)


async def test_many_leases_are_renewed_at_once_and_lost_ones_are_missing(store: Store) -> None:
    await claimed(store, token="token-1")
    await claimed(store, token="token-2")
    await finished(store, "token-2")
    assert set(await store.renew(["token-1", "token-2", "never"], lease_ms=LONG)) == {"token-1"}
    assert await store.renew([], lease_ms=LONG) == {}


async def test_a_lease_that_ran_out_can_be_renewed_until_somebody_settles_it(store: Store) -> None:
    await claimed(store, token="token-1", lease_ms=0)
    assert "token-1" in await store.renew(["token-1"], lease_ms=LONG)
    assert await store.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9) == []


async def test_a_renewal_tells_of_a_wanted_cancel(store: Store) -> None:
    job = await running(store, token="token-1")
    assert job.job_id is not None
    await store.cancel(CLIENT, job.job_id, "{}", holder=OTHER, lease_ms=LONG)
    assert await store.renew(["token-1"], lease_ms=LONG) == {"token-1": Lease(cancel_requested=True)}


async def test_progress_is_recorded_and_told(store: Store) -> None:
    job = await running(store, token="token-1")
    change = changed(await store.progress("token-1", HALF, holder=HOLDER, lease_ms=LONG))
    assert (change.record.progress, change.record.status, change.record.seq) == (HALF, Status.RUNNING, 3)
    assert told(change) == [(EventName.PROGRESS, 3)]
    assert change.messages[0].record == change.record == await store.find(job.key)


@pytest.mark.parametrize(
    ("outcome", "event"),
    [(DONE, EventName.DONE), (FAILED, EventName.ERROR), (CANCELLED, EventName.CANCELLED)],
    ids=lambda value: value.value if isinstance(value, EventName) else "",
)
async def test_an_outcome_ends_the_job(store: Store, outcome: Outcome, event: EventName) -> None:
    job = await running(store, token="token-1")
    change = changed(
        await store.finish("token-1", outcome, progress=HALF, tell=False, holder=HOLDER, lease_ms=LONG)
    )
    record = change.record
    assert (record.status, record.result, record.error) == (outcome.status, outcome.result, outcome.error)
    assert (record.token, record.holder, record.lease_until_ms) == (None, None, None)
    assert (record.progress, record.seq) == (HALF, 3)
    assert told(change) == [(event, 3)]
    assert change.messages[0].record == record == await store.find(job.key)


async def test_an_outcome_without_progress_keeps_the_last_one(store: Store) -> None:
    await running(store, token="token-1")
    await store.progress("token-1", HALF, holder=HOLDER, lease_ms=LONG)
    assert changed(await finished(store, "token-1")).record.progress == HALF


async def test_a_call_is_told_only_where_that_is_asked_for(store: Store) -> None:
    await claimed(store, token="token-1")
    await claimed(store, token="token-2")
    assert changed(await finished(store, "token-1")).messages == ()
    change = changed(
        await store.finish("token-2", DONE, progress=None, tell=True, holder=HOLDER, lease_ms=LONG)
    )
    assert told(change) == [(None, 0)]
    assert change.messages[0].record == change.record
    assert change.record.result == DONE.result


async def test_a_job_that_is_tried_again_keeps_its_place(store: Store) -> None:
    first = await running(store, token="token-1")
    second = await accepted(store)
    change = changed(await store.retry("token-1", delay_ms=0, holder=HOLDER, lease_ms=LONG))
    record = change.record
    assert (record.status, record.attempt, record.token, record.due_ms) == (
        Status.ACCEPTED,
        1,
        None,
        first.due_ms,
    )
    assert told(change) == [(EventName.RETRYING, 3)]
    assert [changed(await taken(store)).record.key for _ in range(2)] == [first.key, second.key]


async def test_a_job_that_is_to_be_cancelled_is_not_tried_again(store: Store) -> None:
    job = await running(store, token="token-1")
    assert job.job_id is not None
    await store.cancel(CLIENT, job.job_id, '{"code":"cancelled"}', holder=OTHER, lease_ms=LONG)
    change = changed(await store.retry("token-1", delay_ms=0, holder=HOLDER, lease_ms=LONG))
    assert (change.record.status, change.record.error) == (Status.CANCELLED, '{"code":"cancelled"}')
    assert told(change) == [(EventName.CANCELLED, 3)]


async def test_a_result_that_was_recorded_first_wins_over_a_wanted_cancel(store: Store) -> None:
    job = await running(store, token="token-1")
    assert job.job_id is not None
    await store.cancel(CLIENT, job.job_id, "{}", holder=OTHER, lease_ms=LONG)
    ended = changed(await finished(store, "token-1")).record
    assert ended.status is Status.DONE
    assert changed(await store.cancel(CLIENT, job.job_id, "{}", holder=OTHER, lease_ms=LONG)).record == ended


async def lose_to_the_sweep(store: Store) -> None:
    await eventually(lambda: store.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9))
    await taken(store, token="current", holder=OTHER)


async def lose_by_retrying(store: Store) -> None:
    await store.retry("stale", delay_ms=0, holder=HOLDER, lease_ms=LONG)
    await taken(store, token="current", holder=OTHER)


async def lose_by_finishing(store: Store) -> None:
    await finished(store, "stale")


async def lose_by_deadline(store: Store) -> None:
    await eventually(lambda: store.settle_expired(expired="{}", holder=OTHER, lease_ms=LONG, limit=9))


@pytest.mark.promise("P10")
@pytest.mark.parametrize("lose", [lose_to_the_sweep, lose_by_retrying, lose_by_finishing, lose_by_deadline])
async def test_a_stale_token_changes_nothing(store: Store, lose: Callable[[Store], Awaitable[None]]) -> None:
    """Whatever took the token away, every way to write with it is refused, and nothing is told."""
    job = await accepted(store, ttl_ms=30 * SHORT)
    await taken(store, token="stale", lease_ms=SHORT)
    await lose(store)
    before = await store.find(job.key)
    assert await store.renew(["stale"], lease_ms=LONG) == {}
    assert await store.progress("stale", HALF, holder=HOLDER, lease_ms=0) is None
    assert await finished(store, "stale", FAILED, lease_ms=0) is None
    assert await store.retry("stale", delay_ms=0, holder=HOLDER, lease_ms=0) is None
    assert await store.find(job.key) == before
    assert await unsent(store) == []


@pytest.mark.promise("P10")
async def test_an_old_attempt_cannot_end_the_new_one(store: Store) -> None:
    await running(store, token="old", lease_ms=0)
    await eventually(lambda: store.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9))
    await taken(store, token="new", holder=OTHER)
    assert await finished(store, "old", FAILED) is None
    ended = changed(await finished(store, "new")).record
    assert (ended.status, ended.attempt) == (Status.DONE, 2)


async def test_running_counts_what_a_holder_holds(store: Store) -> None:
    await claimed(store, token="token-1")
    await running(store, token="token-2")
    await accepted(store)
    assert (await store.running(HOLDER), await store.running(OTHER)) == (2, 0)
    await finished(store, "token-1")
    await store.retry("token-2", delay_ms=LONG, holder=HOLDER, lease_ms=LONG)
    assert await store.running(HOLDER) == 0
