"""The sweep: what was lost is settled once, what is late ends, what is old leaves."""

from collections.abc import Sequence

import pytest

from tests.unit.store.given import (
    CLIENT,
    DONE,
    ELSEWHERE,
    HOLDER,
    LONG,
    OTHER,
    SHORT,
    accepted,
    changed,
    claimed,
    eventually,
    finished,
    request,
    running,
    taken,
    told,
    unsent,
)
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import Changed, Store

INTERRUPTED = '{"code":"interrupted"}'
EXPIRED = '{"code":"deadline_exceeded"}'


async def settle_lost(store: Store, *, limit: int = 9, lease_ms: int = LONG) -> Sequence[Changed]:
    return await store.settle_lost(interrupted=INTERRUPTED, holder=OTHER, lease_ms=lease_ms, limit=limit)


async def settle_expired(store: Store, *, limit: int = 9) -> Sequence[Changed]:
    return await store.settle_expired(expired=EXPIRED, holder=OTHER, lease_ms=LONG, limit=limit)


async def forget(store: Store, *, result_ttl_ms: int = 0, skew_ms: int = 0, limit: int = 9) -> int:
    return await store.forget(result_ttl_ms=result_ttl_ms, skew_ms=skew_ms, limit=limit)


# --- roles ---


async def test_one_holder_has_a_role(store: Store, other: Store) -> None:
    assert await store.lead("sweeper", holder=HOLDER, lease_ms=LONG)
    assert not await other.lead("sweeper", holder=OTHER, lease_ms=LONG)
    assert await store.lead("sweeper", holder=HOLDER, lease_ms=LONG)
    assert await other.lead("another role", holder=OTHER, lease_ms=LONG)


async def test_a_role_whose_holder_is_silent_is_free(store: Store, other: Store) -> None:
    assert await store.lead("sweeper", holder=HOLDER, lease_ms=SHORT)
    assert await eventually(lambda: other.lead("sweeper", holder=OTHER, lease_ms=LONG))
    assert not await store.lead("sweeper", holder=HOLDER, lease_ms=LONG)


# --- leases that ran out ---


async def test_a_living_lease_is_left_alone(store: Store) -> None:
    await running(store, token="token-1")
    assert await settle_lost(store) == []


async def test_a_lost_job_waits_again_where_attempts_are_left(store: Store) -> None:
    lost = await running(store, token="token-1", lease_ms=SHORT)
    younger = await accepted(store)
    (change,) = await eventually(lambda: settle_lost(store))
    record = change.record
    assert (record.status, record.attempt, record.token, record.holder) == (Status.ACCEPTED, 1, None, None)
    assert told(change) == [(EventName.RETRYING, 3)]
    assert change.messages[0].record == record == await store.find(lost.key)
    assert [changed(await taken(store)).record.key for _ in range(2)] == [lost.key, younger.key]


@pytest.mark.promise("P4")
async def test_a_lost_job_that_may_not_run_again_ends_as_interrupted(store: Store) -> None:
    await running(store, token="token-1", attempts=1, lease_ms=SHORT)
    (change,) = await eventually(lambda: settle_lost(store))
    assert (change.record.status, change.record.error) == (Status.ERROR, INTERRUPTED)
    assert told(change) == [(EventName.ERROR, 3)]
    assert await taken(store) is None


async def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(store: Store) -> None:
    job = await running(store, token="token-1", lease_ms=SHORT)
    assert job.job_id is not None
    await store.cancel(CLIENT, job.job_id, '{"code":"cancelled"}', holder=OTHER, lease_ms=LONG)
    (change,) = await eventually(lambda: settle_lost(store))
    assert (change.record.status, change.record.error) == (Status.CANCELLED, '{"code":"cancelled"}')
    assert told(change) == [(EventName.CANCELLED, 3)]


@pytest.mark.promise("P4")
async def test_a_lost_call_that_may_not_run_again_is_answered(store: Store) -> None:
    call = await claimed(store, token="token-1", lease_ms=SHORT)
    (change,) = await eventually(lambda: settle_lost(store, lease_ms=0))
    assert (change.record.key, change.record.status) == (call.key, Status.ERROR)
    assert (change.record.error, change.record.seq) == (INTERRUPTED, 0)
    assert told(change) == [(None, 0)]
    assert await unsent(store) == list(change.messages)


async def test_a_lost_call_that_may_run_again_waits_untold(store: Store) -> None:
    await claimed(store, token="token-1", attempts=2, lease_ms=SHORT)
    (change,) = await eventually(lambda: settle_lost(store))
    assert (change.record.status, change.record.seq, change.messages) == (Status.ACCEPTED, 0, ())


async def test_lost_leases_are_settled_in_small_steps(store: Store) -> None:
    for number in range(5):
        await claimed(store, token=f"token-{number}", lease_ms=0)
    assert [len(await settle_lost(store, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


# --- deadlines ---


async def test_what_is_in_time_is_left_alone(store: Store) -> None:
    await accepted(store)
    await running(store, token="token-1")
    assert await settle_expired(store) == []


@pytest.mark.promise("P7")
async def test_whatever_is_late_ends_once(store: Store) -> None:
    job, call = await accepted(store, ttl_ms=-2), await claimed(store, token="token-1", ttl_ms=-1)
    changes = {change.record.key: change for change in await settle_expired(store)}
    assert {change.record.status for change in changes.values()} == {Status.ERROR}
    assert {change.record.error for change in changes.values()} == {EXPIRED}
    assert told(changes[job.key]) == [(EventName.ERROR, 2)]
    assert told(changes[call.key]) == [(None, 0)]
    assert await settle_expired(store) == []
    assert await finished(store, "token-1") is None


async def test_a_result_in_time_is_left_alone_after_the_deadline(store: Store) -> None:
    call = await claimed(store, token="token-1", ttl_ms=-1)
    ended = changed(await finished(store, "token-1")).record
    assert await settle_expired(store) == []
    assert await store.find(call.key) == ended


async def test_late_records_end_in_small_steps_the_latest_first(store: Store) -> None:
    jobs = [await accepted(store, ttl_ms=-1000 + number) for number in range(3)]
    steps = [await settle_expired(store, limit=2) for _ in range(3)]
    assert [len(step) for step in steps] == [2, 1, 0]
    assert steps[1][0].record.key == jobs[2].key


# --- what is old ---


async def test_the_body_of_an_old_record_leaves_and_its_tombstone_stays(store: Store) -> None:
    call = await claimed(store, token="token-1")
    ended = changed(await finished(store, "token-1")).record
    assert await forget(store, result_ttl_ms=LONG) == 0
    assert await eventually(lambda: forget(store)) == 1
    stone = await store.find(call.key)
    assert stone is not None
    assert stone.forgotten
    assert (stone.key, stone.meaning, stone.status) == (ended.key, ended.meaning, Status.DONE)
    assert (stone.args, stone.result, stone.error, stone.progress) == ("", None, None, None)
    assert await forget(store) == 0


@pytest.mark.promise("P4")
async def test_a_tombstone_still_refuses_a_second_run(store: Store) -> None:
    new = request()
    await store.claim(new, token="token-1", holder=HOLDER, lease_ms=LONG)
    await finished(store, "token-1")
    await forget(store)
    first = await store.claim(new, token="token-2", holder=HOLDER, lease_ms=LONG)
    assert first == await store.find(new.key)
    assert await store.running(HOLDER) == 0


async def test_a_record_leaves_after_its_deadline_and_twice_the_skew(store: Store) -> None:
    late = await claimed(store, token="token-1", ttl_ms=-1000)
    await finished(store, "token-1")
    assert await forget(store, skew_ms=LONG) == 1
    assert await forget(store, skew_ms=LONG) == 0
    assert await store.find(late.key) is not None
    assert await forget(store, skew_ms=400) == 1
    assert await store.find(late.key) is None


@pytest.mark.promise("P4")
async def test_a_tombstone_stays_until_no_attempt_can_be_replayed(store: Store) -> None:
    """A later attempt may carry a later deadline: while it is fresh, its request must still be known."""
    record = await claimed(store, token="token-1", ttl_ms=-LONG)
    await finished(store, "token-1")
    await store.readdress(record.key, ELSEWHERE, deadline_ms=record.deadline_ms + 2 * LONG)
    assert await forget(store) == 1
    assert await forget(store) == 0
    assert await store.find(record.key) is not None


async def test_what_is_not_over_is_never_forgotten(store: Store) -> None:
    await accepted(store, ttl_ms=-LONG)
    await running(store, token="token-1")
    await claimed(store, token="token-2", ttl_ms=-LONG)
    assert await forget(store) == 0


async def test_what_is_not_told_yet_is_not_forgotten(store: Store) -> None:
    await claimed(store, token="token-1")
    change = changed(await store.finish("token-1", DONE, progress=None, tell=True, holder=HOLDER, lease_ms=0))
    assert await forget(store) == 0
    assert await unsent(store) == list(change.messages)
    await store.sent([message.number for message in change.messages])
    assert await forget(store) == 1


async def test_old_records_leave_in_small_steps(store: Store) -> None:
    for number in range(5):
        await claimed(store, token=f"token-{number}", ttl_ms=-1000)
        await finished(store, f"token-{number}")
    assert [await forget(store, limit=3) for _ in range(5)] == [3, 3, 3, 1, 0]
