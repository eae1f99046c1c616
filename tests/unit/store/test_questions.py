"""A job that asks its owner: what it saved, how it is parked, and the one answer that has it run again."""

import asyncio
import json

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
    eventually,
    finished,
    running,
    taken,
    told,
)
from toolwire.contracts.history import Happened, Why
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import Changed, Record, Store

ASKED = '{"answer_schema":{},"key":"deploy","model":"Approval","prompt":"Deploy?"}'
AGAIN = '{"answer_schema":{},"key":"again","model":"Approval","prompt":"Deploy again?"}'
HALF = '{"fraction":0.5,"message":"half way"}'


async def park(
    store: Store, token: str, question: str = ASKED, *, progress: str | None = None
) -> Changed | None:
    return await store.park(token, question, progress=progress, holder=HOLDER, lease_ms=LONG)


async def answer(
    store: Store,
    job: Record,
    value: str = '"yes"',
    *,
    key: str = "deploy",
    asked: str = ASKED,
    client: str = CLIENT,
) -> Changed | Record | None:
    return await store.answer(client, job.job_id or "", key, value, asked=asked, holder=OTHER, lease_ms=LONG)


async def parked(store: Store, *, attempts: int = 1, token: str = "token-1") -> Record:
    """A job whose only attempt so far has ended with a question."""
    await running(store, token=token, attempts=attempts)
    return changed(await park(store, token)).record


async def cancel(store: Store, job: Record) -> Record:
    return changed(
        await store.cancel(CLIENT, job.job_id or "", '{"code":"cancelled"}', holder=OTHER, lease_ms=LONG)
    ).record


# --- what the tool saves ---


async def test_what_was_saved_last_is_there_for_the_next_attempt(store: Store) -> None:
    job = await running(store, token="token-1")
    assert job.checkpoint is None
    assert await store.save("token-1", '{"done":1}')
    assert await store.save("token-1", '{"done":2}')
    await store.retry("token-1", delay_ms=0, holder=HOLDER, lease_ms=LONG)
    assert changed(await taken(store)).record.checkpoint == '{"done":2}'


async def test_saving_is_no_event(store: Store) -> None:
    job = await running(store, token="token-1")
    await store.save("token-1", "1")
    saved = await store.find(job.key)
    assert saved is not None
    assert (saved.checkpoint, saved.seq, saved.updated_ms) == ("1", job.seq, job.updated_ms)


@pytest.mark.promise("P10")
async def test_who_lost_the_token_saves_nothing(store: Store) -> None:
    job = await running(store, token="stale", lease_ms=0)
    await eventually(lambda: store.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9))
    assert not await store.save("stale", '"stale"')
    await taken(store, token="current")
    assert not await store.save("stale", '"stale"')
    found = await store.find(job.key)
    assert found is not None
    assert found.checkpoint is None


# --- parking ---


async def test_a_parked_job_asks_and_is_held_by_nobody(store: Store) -> None:
    job = await running(store, token="token-1", attempts=1)
    change = changed(await park(store, "token-1", progress=HALF))
    record = change.record
    assert (record.status, record.question, record.progress) == (Status.INPUT_REQUIRED, ASKED, HALF)
    assert (record.token, record.holder, record.lease_until_ms) == (None, None, None)
    assert told(change) == [(EventName.INPUT_REQUIRED, 3)]
    assert change.messages[0].record == record == await store.find(job.key)
    assert await store.running(HOLDER) == 0
    assert await taken(store) is None


async def test_parking_without_progress_keeps_the_last_one(store: Store) -> None:
    await running(store, token="token-1")
    await store.progress("token-1", HALF, holder=HOLDER, lease_ms=LONG)
    assert changed(await park(store, "token-1")).record.progress == HALF


async def test_an_attempt_that_asks_is_none_of_the_tries(store: Store) -> None:
    job = await parked(store, attempts=1)
    assert (job.attempt, job.max_attempts) == (1, 2)
    await answer(store, job)
    await taken(store, token="token-2")
    job = changed(await park(store, "token-2", AGAIN)).record
    assert (job.attempt, job.max_attempts) == (2, 3)


@pytest.mark.promise("P10")
async def test_who_lost_the_token_parks_nothing(store: Store) -> None:
    job = await parked(store)
    assert await park(store, "token-1", AGAIN) is None
    assert await finished(store, "token-1") is None
    assert await store.find(job.key) == job


async def test_a_job_that_is_to_be_cancelled_asks_nobody(store: Store) -> None:
    job = await running(store, token="token-1")
    await cancel(store, job)
    change = changed(await park(store, "token-1"))
    assert (change.record.status, change.record.error) == (Status.CANCELLED, '{"code":"cancelled"}')
    assert change.record.question is None
    assert told(change) == [(EventName.CANCELLED, 3)]


async def test_a_parked_job_is_cancelled_at_once(store: Store) -> None:
    job = await parked(store)
    assert (await cancel(store, job)).status is Status.CANCELLED
    assert await answer(store, job) == await store.find(job.key)


async def test_a_parked_job_ends_by_its_deadline(store: Store) -> None:
    await accepted(store, ttl_ms=10 * SHORT)
    await taken(store, token="token-1")
    job = changed(await park(store, "token-1")).record
    [change] = await eventually(
        lambda: store.settle_expired(expired='{"code":"e"}', holder=OTHER, lease_ms=LONG, limit=9)
    )
    assert (change.record.key, change.record.status) == (job.key, Status.ERROR)
    assert (change.record.error, change.record.question) == ('{"code":"e"}', None)
    last = (await store.history(CLIENT, job.job_id or ""))[-1]
    assert (last.event, last.why, last.replica) == (Happened.ERROR, Why.DEADLINE, None)


# --- the answer ---


async def test_the_answer_has_the_job_taken_once_more(store: Store) -> None:
    job = await parked(store)
    change = changed(await answer(store, job, '{"yes":true}'))
    record = change.record
    assert (record.status, record.question, record.due_ms) == (Status.ACCEPTED, None, job.due_ms)
    assert json.loads(record.answers or "") == {"deploy": {"yes": True}}
    assert told(change) == [(EventName.ANSWERED, 4)]
    assert change.messages[0].record == record == await store.find(job.key)
    again = changed(await taken(store)).record
    assert (again.key, again.attempt, again.answers) == (job.key, 2, record.answers)


async def test_every_answer_is_kept(store: Store) -> None:
    job = await parked(store)
    await answer(store, job, "1")
    await taken(store, token="token-2")
    await park(store, "token-2", AGAIN)
    await answer(store, job, "2", key="again", asked=AGAIN)
    await taken(store, token="token-3")
    await store.retry("token-3", delay_ms=0, holder=HOLDER, lease_ms=LONG)
    assert json.loads(changed(await taken(store)).record.answers or "") == {"deploy": 1, "again": 2}


async def test_an_answered_job_goes_before_younger_ones(store: Store) -> None:
    job = await parked(store)
    younger = await accepted(store)
    await answer(store, job)
    assert [changed(await taken(store)).record.key for _ in range(2)] == [job.key, younger.key]


async def test_what_asks_nothing_takes_no_answer(store: Store) -> None:
    for job in (await accepted(store), await running(store, token="token-1")):
        assert await answer(store, job) == await store.find(job.key)
    await finished(store, "token-1", DONE)
    assert await answer(store, job) == await store.find(job.key)


async def test_another_question_takes_no_answer(store: Store) -> None:
    job = await parked(store)
    assert await answer(store, job, key="again", asked=AGAIN) == job
    assert await store.find(job.key) == job


@pytest.mark.promise("P5")
async def test_anothers_job_takes_no_answer(store: Store) -> None:
    job = await parked(store)
    assert await answer(store, job, client="client-2") is None
    assert await store.answer(CLIENT, "no-job", "deploy", "1", asked=ASKED, holder=HOLDER, lease_ms=1) is None
    assert await store.find(job.key) == job


async def test_of_answers_that_come_at_once_one_wins(store: Store, other: Store) -> None:
    for number in range(5):
        job = await parked(store, token=f"token-{number}")
        values = ["1", "2", "3", "4"]
        given = await asyncio.gather(
            *(answer(one, job, value) for one, value in zip([store, other] * 2, values, strict=True))
        )
        [won] = [value for value, each in zip(values, given, strict=True) if isinstance(each, Changed)]
        found = await store.find(job.key)
        assert found is not None
        assert json.loads(found.answers or "") == {"deploy": int(won)}
        assert [each for each in given if not isinstance(each, Changed)] == [found] * 3
        await store.cancel(CLIENT, job.job_id or "", "{}", holder=HOLDER, lease_ms=LONG)


async def test_the_history_tells_of_question_and_answer(store: Store) -> None:
    job = await parked(store)
    await answer(store, job)
    lines = [
        (line.event, line.attempt, line.replica) for line in await store.history(CLIENT, job.job_id or "")
    ]
    assert lines[2:] == [(Happened.INPUT_REQUIRED, 1, HOLDER), (Happened.ANSWERED, 1, OTHER)]


async def test_what_was_saved_and_answered_leaves_with_the_body(store: Store) -> None:
    job = await running(store, token="token-1")
    await store.save("token-1", '"secret"')
    await park(store, "token-1")
    await answer(store, job)
    await taken(store, token="token-2")
    [last] = changed(await finished(store, "token-2")).messages
    await store.sent(range(last.number - 9, last.number + 1))
    assert await store.forget(result_ttl_ms=0, skew_ms=LONG, limit=9) == 1
    tombstone = await store.find(job.key)
    assert tombstone is not None
    assert (tombstone.checkpoint, tombstone.answers, tombstone.question) == (None, None, None)
