"""Taking: which waiting record runs next, and what taking does to it."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from tests.unit.store.given import (
    HOLDER,
    LONG,
    OTHER,
    SHORT,
    accepted,
    changed,
    claimed,
    eventually,
    running,
    taken,
    told,
)
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import Changed, Kind, Store

QUEUED = 4_000


async def order(store: Store, count: int) -> list[str | None]:
    """Take `count` jobs, and name them."""
    return [changed(await taken(store)).record.job_id for _ in range(count)]


async def test_taking_counts_the_attempt_and_is_told(store: Store) -> None:
    job = await accepted(store)
    change = changed(await taken(store, token="token-1", holder=OTHER))
    record = change.record
    assert record.key == job.key
    assert (record.status, record.attempt, record.seq) == (Status.RUNNING, 1, 2)
    assert (record.token, record.holder) == ("token-1", OTHER)
    assert record.started_ms == record.updated_ms
    assert record.lease_until_ms == record.updated_ms + LONG
    assert told(change) == [(EventName.STARTED, 2)]
    assert change.messages[0].record == record


async def test_nothing_waits(store: Store) -> None:
    assert await taken(store) is None


@pytest.mark.promise("P4")
async def test_what_is_taken_is_not_taken_again(store: Store) -> None:
    await accepted(store)
    assert await taken(store) is not None
    assert await taken(store) is None


async def test_only_tools_that_the_replica_has(store: Store) -> None:
    await accepted(store, tool="multiply")
    assert await taken(store, tools=["add", "subtract"]) is None
    assert await taken(store, tools=[]) is None
    assert await taken(store, tools=["add", "multiply"]) is not None


async def test_only_kinds_that_are_asked_for(store: Store) -> None:
    await accepted(store)
    kinds: list[tuple[Sequence[Kind], bool]] = [([], False), (["call"], False), (["job"], True)]
    for asked, found in kinds:
        change = await store.take(["add"], token="token-1", holder=HOLDER, lease_ms=LONG, kinds=asked)
        assert (change is not None) == found


async def test_priority_goes_before_age(store: Store) -> None:
    low, high, middle = [await accepted(store, priority=priority) for priority in (-1, 5, 0)]
    assert await order(store, 3) == [high.job_id, middle.job_id, low.job_id]


async def test_the_oldest_of_equals_goes_first(store: Store) -> None:
    jobs = [(await accepted(store)).job_id for _ in range(5)]
    assert await order(store, 5) == jobs


async def test_the_client_with_the_fewest_running_goes_before_age(store: Store) -> None:
    busy = [(await accepted(store, client="busy")).job_id for _ in range(3)]
    quiet = [(await accepted(store, client="quiet")).job_id for _ in range(2)]
    assert await order(store, 5) == [busy[0], quiet[0], busy[1], quiet[1], busy[2]]


async def test_priority_goes_before_fairness(store: Store) -> None:
    await running(store, token="token-1", client="busy")
    await accepted(store, client="quiet")
    urgent = await accepted(store, client="busy", priority=1)
    assert await order(store, 1) == [urgent.job_id]


async def test_age_decides_between_tools_of_one_client(store: Store) -> None:
    second = await accepted(store, tool="zeta")
    third = await accepted(store, tool="add")
    tools = ["add", "zeta"]
    assert [changed(await taken(store, tools=tools)).record.job_id for _ in range(2)] == [
        second.job_id,
        third.job_id,
    ]


async def test_a_delayed_job_is_not_taken_before_it_is_due(store: Store) -> None:
    delay_ms = 50 * SHORT
    job = await running(store, token="token-1")
    back = changed(await store.retry("token-1", delay_ms=delay_ms, holder=HOLDER, lease_ms=LONG)).record
    assert back.due_ms == back.updated_ms + delay_ms
    assert await taken(store) is None
    again = changed(await eventually(lambda: taken(store))).record
    assert (again.key, again.attempt) == (job.key, 2)
    assert again.updated_ms >= again.due_ms


async def test_a_job_past_its_deadline_is_not_taken(store: Store) -> None:
    await accepted(store, ttl_ms=-1)
    assert await taken(store) is None


async def test_a_lost_call_is_taken_like_a_job_and_told_to_nobody(store: Store) -> None:
    call = await claimed(store, token="token-1", attempts=2, lease_ms=SHORT)
    await eventually(lambda: store.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9))
    change = changed(await taken(store, token="token-2"))
    assert (change.record.key, change.record.attempt, change.record.seq) == (call.key, 2, 0)
    assert change.messages == ()


async def test_a_new_attempt_starts_without_the_progress_of_the_last(store: Store) -> None:
    await running(store, token="token-1")
    await store.progress("token-1", '{"fraction":0.5}', holder=HOLDER, lease_ms=LONG)
    back = changed(await store.retry("token-1", delay_ms=0, holder=HOLDER, lease_ms=LONG)).record
    assert back.progress == '{"fraction":0.5}'
    assert changed(await taken(store)).record.progress is None


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # test_plans_postgresql.py counts pages
async def test_taking_stays_fast_behind_a_long_queue(store: Store) -> None:
    """Half of the queue is for a tool that this replica lacks. The bound is generous: a scan takes longer."""
    for tool in ("other", "add"):
        await asyncio.gather(*(accepted(store, tool=tool) for _ in range(QUEUED // 2)))
    await accepted(store, client="late")
    seconds: list[float] = []
    for _ in range(20):
        started = time.perf_counter()
        assert isinstance(await taken(store), Changed)
        seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[10] < 0.05
