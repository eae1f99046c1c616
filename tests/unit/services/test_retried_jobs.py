"""A job over its attempts: when the next one is due, what its history says, and which error is the last."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.services.given import CLIENT
from tests.unit.services.tried import begin, error_of, found, job, take, tell
from toolwire.contracts.errors import Code
from toolwire.contracts.history import Happened, HistoryEntry, Why
from toolwire.contracts.jobs import EventName, Status
from toolwire.services import Backoff, JobContext, Retry
from toolwire.services.running.attempts import Attempts
from toolwire.services.store.port import Record, Store

SOON = 10.0


def raises(make: Callable[[int], Exception]) -> Callable[..., Any]:
    async def tool(ctx: JobContext[None]) -> None:
        raise make(ctx.attempt)

    return tool


async def hangs(ctx: JobContext[None]) -> None:
    await asyncio.Event().wait()


async def history(store: Store, record: Record) -> list[HistoryEntry]:
    assert record.job_id is not None
    return list(await store.history(CLIENT, record.job_id))


async def test_a_job_that_asks_for_it_is_due_again_when_it_said(attempts: Attempts, store: Store) -> None:
    tool = raises(lambda _: Retry(after=7.5, message="the oven is cold"))
    record, prepared = await begin(store, job(tool, max_attempts=2))
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert [message.event for message in changed.messages] == [EventName.RETRYING]
    again = changed.record
    assert (again.status, again.attempt, again.error) == (Status.ACCEPTED, 1, None)
    assert again.due_ms - again.updated_ms == 7_500
    assert [entry.why for entry in await history(store, record)][-1] is Why.RETRY_ASKED


async def test_a_job_that_broke_waits_for_as_long_as_its_backoff_says(
    attempts: Attempts, store: Store
) -> None:
    tool = raises(lambda _: KeyError("secret"))
    spec = job(tool, max_attempts=2, backoff=Backoff(first=20, longest=40))
    record, prepared = await begin(store, spec)
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert 10_000 <= changed.record.due_ms - changed.record.updated_ms <= 20_000


async def test_the_history_tells_why_each_attempt_was_not_the_last(
    attempts: Attempts, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    errors: dict[int, Exception] = {1: Retry(after=0), 2: KeyError("secret"), 3: Retry(message="no luck")}
    spec = job(raises(errors.__getitem__), max_attempts=3, backoff=Backoff(first=0.001))
    record, prepared = await begin(store, spec)
    await attempts.run(record, prepared, tell=tell)
    for _ in range(2):
        record, prepared = await take(store, spec)
        await attempts.run(record, prepared, tell=tell)
    entries = await history(store, record)
    assert [(entry.event, entry.why) for entry in entries] == [
        (Happened.ACCEPTED, None),
        (Happened.STARTED, None),
        (Happened.RETRYING, Why.RETRY_ASKED),
        (Happened.STARTED, None),
        (Happened.RETRYING, Why.BROKE),
        (Happened.STARTED, None),
        (Happened.ERROR, Why.RETRY_ASKED),
    ]
    error_id = entries[4].error_id
    assert error_id is not None
    assert error_id in caplog.text
    assert error_of(await found(store, record)).message == "no luck"


@pytest.mark.parametrize(
    ("error", "code", "reason", "why"),
    [
        (Retry(message="no luck"), Code.TOOL_ERROR, "retries_exhausted", Why.RETRY_ASKED),
        (KeyError("secret"), Code.INTERNAL, None, Why.BROKE),
    ],
    ids=["asks", "breaks"],
)
async def test_when_no_attempt_is_left_the_job_ends_with_that_error(
    attempts: Attempts, store: Store, error: Exception, code: Code, reason: str | None, why: Why
) -> None:
    record, prepared = await begin(store, job(raises(lambda _: error)))
    await attempts.run(record, prepared, tell=tell)
    over = await found(store, record)
    assert (over.status, error_of(over).code, error_of(over).reason) == (Status.ERROR, code, reason)
    assert (await history(store, record))[-1].why is why


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("error", "code"),
    [(Retry(after=60), Code.TOOL_ERROR), (KeyError("secret"), Code.INTERNAL)],
    ids=["asks", "breaks"],
)
async def test_a_job_does_not_wait_for_an_attempt_that_it_cannot_make(
    attempts: Attempts, store: Store, error: Exception, code: Code
) -> None:
    """It ends at once, and with what went wrong, instead of later with no more than that its time is up."""
    spec = job(raises(lambda _: error), max_attempts=3, backoff=Backoff(first=120, longest=120))
    record, prepared = await begin(store, spec, seconds=30)
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert [message.event for message in changed.messages] == [EventName.ERROR]
    assert (changed.record.status, error_of(changed.record).code) == (Status.ERROR, code)


async def test_a_job_over_its_limit_is_tried_again_and_then_over(attempts: Attempts, store: Store) -> None:
    spec = job(hangs, max_attempts=2, time_limit=0.05, retry_on=(TimeoutError,), backoff=Backoff(first=0.001))
    record, prepared = await begin(store, spec)
    changed = await asyncio.wait_for(attempts.run(record, prepared, tell=tell), SOON)
    assert changed is not None
    assert changed.record.status is Status.ACCEPTED
    assert (await history(store, record))[-1].why is Why.TIME_LIMIT

    record, prepared = await take(store, spec)
    await asyncio.wait_for(attempts.run(record, prepared, tell=tell), SOON)
    over = await found(store, record)
    assert (over.status, error_of(over).code) == (Status.ERROR, Code.TIME_LIMIT_EXCEEDED)
    assert (await history(store, record))[-1].why is Why.TIME_LIMIT
