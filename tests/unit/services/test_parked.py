"""An attempt that ends with a question, and one that saves what the next one needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue

from tests.unit.services.given import CLIENT, HOLDER, LEASE_MS, SERVER
from tests.unit.services.lossy import Lossy
from tests.unit.services.tried import begin, error_of, found, job, take, tell
from tests.waiting import wait_until
from toolwire.contracts.errors import Code, ToolError
from toolwire.contracts.jobs import EventName, Status
from toolwire.services import AttemptEnded, InputRequired, JobContext, Retry
from toolwire.services.asking.checkpoints import MAX_CHECKPOINT_BYTES
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.requests.plans import Prepared
from toolwire.services.requests.seals import Seals
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.leases import Ending, Leases
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Changed, Record, Store
from toolwire.services.telemetry.signals import Signals
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post
from toolwire.services.telling.snapshots import snapshot_of

SOON = 5.0


class Approval(BaseModel):
    """Whether it may be done."""

    approved: bool


def asks(function: Callable[..., Any], **options: Any) -> ToolSpec:
    return job(function, asks=(Approval,), **options)


async def ask(ctx: JobContext[None]) -> bool:
    """Ask, with progress that nobody has recorded yet."""
    await ctx.progress(0.5, "half way")
    return ctx.ask(Approval, "Deploy?").approved


def ask_in_a_thread(ctx: JobContext[None]) -> bool:
    ctx.progress(0.5, "half way")
    return ctx.ask(Approval, "Deploy?").approved


async def ask_in_a_group(ctx: JobContext[None]) -> bool:
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ask(ctx))
    return asking.result()


async def ask_undeclared(ctx: JobContext[None]) -> None:
    class Undeclared(BaseModel): ...

    ctx.ask(Undeclared, "Deploy?")


async def run(attempts: Attempts, record: Record, prepared: Prepared) -> Record:
    changed = await asyncio.wait_for(attempts.run(record, prepared, tell=tell), SOON)
    assert changed is not None
    return changed.record


async def answered(
    store: Store, record: Record, answer: JsonValue, spec: ToolSpec
) -> tuple[Record, Prepared]:
    """The job as it is taken once more after that answer."""
    assert record.question is not None
    given = json.dumps({"answer": answer, "model": "Approval", "request_id": "r"})
    key = json.loads(record.question)["key"]
    await store.answer(
        CLIENT, record.job_id or "", key, given, asked=record.question, holder=HOLDER, lease_ms=LEASE_MS
    )
    return await take(store, spec)


# --- asking ---


@pytest.mark.parametrize("function", [ask, ask_in_a_thread, ask_in_a_group])
async def test_a_job_that_asks_is_parked_and_goes_on_with_the_answer(
    function: Callable[..., Any], attempts: Attempts, store: Store
) -> None:
    spec = asks(function)
    record, prepared = await begin(store, spec)
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert [message.event for message in changed.messages] == [EventName.INPUT_REQUIRED]
    parked = changed.record
    snapshot = snapshot_of(parked, SERVER)
    assert snapshot.status is Status.INPUT_REQUIRED
    assert snapshot.question is not None
    assert (snapshot.question.key, snapshot.question.prompt) == ("Approval", "Deploy?")
    assert snapshot.progress is not None
    assert snapshot.progress.message == "half way"
    assert (parked.token, len(attempts.leases), await store.running(HOLDER)) == (None, 0, 0)
    ended = await run(attempts, *await answered(store, parked, {"approved": True}, spec))
    assert (ended.status, ended.result, ended.attempt) == (Status.DONE, "true", 2)


async def test_what_was_told_before_the_question_comes_before_it(attempts: Attempts, store: Store) -> None:
    async def tool(ctx: JobContext[None]) -> bool:
        await ctx.emit("built")
        return ctx.ask(Approval, "Deploy?").approved

    parked = await run(attempts, *await begin(store, asks(tool)))
    put = await store.outputs(CLIENT, parked.job_id or "", after=0, limit=9, most_bytes=999)
    assert put is not None
    assert [emitted.seq for emitted in put.emitted] == [parked.seq - 1]


@pytest.mark.parametrize("raised", [RuntimeError("broke"), Retry(after=0)])
async def test_an_answer_stays_whatever_the_attempt_comes_to(
    raised: Exception, attempts: Attempts, store: Store
) -> None:
    """And asking took none of the attempts: of two tries the second one is still to come."""

    async def tool(ctx: JobContext[None]) -> bool:
        approved = ctx.ask(Approval, "Deploy?").approved
        if ctx.attempt == 2:
            raise raised
        return approved

    spec = asks(tool, max_attempts=2)
    parked = await run(attempts, *await begin(store, spec))
    retried = await run(attempts, *await answered(store, parked, {"approved": True}, spec))
    assert (retried.status, retried.attempt, retried.max_attempts) == (Status.ACCEPTED, 2, 3)
    assert json.loads(retried.answers or "")["Approval"]["answer"] == {"approved": True}


async def test_a_tool_that_swallows_the_question_ends_as_usual(attempts: Attempts, store: Store) -> None:
    async def tool(ctx: JobContext[None]) -> str:
        try:
            ctx.ask(Approval, "Deploy?")
        except InputRequired as asked:
            return asked.question.key
        return ""

    ended = await run(attempts, *await begin(store, asks(tool)))
    assert (ended.status, ended.result) == (Status.DONE, '"Approval"')


async def test_what_cannot_be_asked_breaks_the_attempt_and_the_log_says_why(
    attempts: Attempts, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    ended = await run(attempts, *await begin(store, asks(ask_undeclared)))
    assert error_of(ended).code is Code.INTERNAL
    assert "write asks=(Undeclared,) where the job is declared" in caplog.text


async def test_a_tool_error_after_an_answer_is_the_end(attempts: Attempts, store: Store) -> None:
    async def tool(ctx: JobContext[None]) -> None:
        if not ctx.ask(Approval, "Deploy?").approved:
            raise ToolError("declined", "nobody wants it")

    spec = asks(tool)
    parked = await run(attempts, *await begin(store, spec))
    ended = await run(attempts, *await answered(store, parked, {"approved": False}, spec))
    assert (ended.status, error_of(ended).reason) == (Status.ERROR, "declined")


async def test_a_job_that_is_to_be_cancelled_is_not_parked(attempts: Attempts, store: Store) -> None:
    record, prepared = await begin(store, asks(ask))
    await store.cancel(CLIENT, record.job_id or "", '{"code":"c"}', holder=HOLDER, lease_ms=LEASE_MS)
    assert (await run(attempts, record, prepared)).status is Status.CANCELLED


@pytest.mark.promise("P10")
async def test_who_lost_the_lease_asks_nobody(attempts: Attempts, store: Store) -> None:
    record, prepared = await begin(store, asks(ask, max_attempts=2))
    await store.retry(record.token or "", delay_ms=0, holder=HOLDER, lease_ms=LEASE_MS)
    assert await attempts.run(record, prepared, tell=tell) is None
    assert (await found(store, record)).status is Status.ACCEPTED


@pytest.mark.promise("P8")
async def test_a_question_waits_for_a_store_that_is_away(
    attempts: Attempts, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()

    async def tool(ctx: JobContext[None]) -> bool:
        await gate.wait()
        return ctx.ask(Approval, "Deploy?").approved

    record, prepared = await begin(store, asks(tool))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await store.__aexit__()
    gate.set()
    await wait_until(lambda: "waits for the store" in caplog.text, SOON, "it has tried")
    await store.__aenter__()
    changed = await asyncio.wait_for(running, SOON)
    assert changed is not None
    assert changed.record.status is Status.INPUT_REQUIRED


@pytest.mark.promise("P10")
@pytest.mark.parametrize("committed", [True, False])
async def test_after_an_unknown_commit_the_question_is_asked_once(
    committed: bool, tmp_path: Path, threads: ToolThreads, post: Post, seals: Seals
) -> None:
    async def tool(ctx: JobContext[None]) -> bool:
        return ctx.ask(Approval, "Deploy?").approved

    lossy = Lossy(tmp_path / "store.sqlite3")
    async with lossy.store as store:
        outbox, leases = Outbox(store, post, seals), Leases(store, LEASE_MS)
        attempts = Attempts(store, outbox, leases, threads, None, HOLDER, SERVER, Signals())
        record, prepared = await begin(store, asks(tool))
        lossy.lose(committed=committed)
        changed = await attempts.run(record, prepared, tell=tell)
        assert changed is not None
        assert (changed.record.status, changed.record.seq) == (Status.INPUT_REQUIRED, record.seq + 1)
        assert len(changed.messages) == (0 if committed else 1), "what was written, the sweep sends"


# --- saving ---


async def save(ctx: JobContext[None]) -> JsonValue:
    before = ctx.checkpoint
    await ctx.save({"attempt": ctx.attempt})
    if ctx.attempt == 1:
        raise Retry(after=0)
    return [before, ctx.checkpoint]


def save_in_a_thread(ctx: JobContext[None]) -> JsonValue:
    before = ctx.checkpoint
    ctx.save({"attempt": ctx.attempt})
    if ctx.attempt == 1:
        raise Retry(after=0)
    return [before, ctx.checkpoint]


@pytest.mark.parametrize("function", [save, save_in_a_thread])
async def test_the_next_attempt_finds_what_was_saved(
    function: Callable[..., Any], attempts: Attempts, store: Store
) -> None:
    spec = asks(function, max_attempts=2)
    await run(attempts, *await begin(store, spec))
    ended = await run(attempts, *await take(store, spec))
    assert json.loads(ended.result or "") == [{"attempt": 1}, {"attempt": 2}]


@pytest.mark.promise("P8")
@pytest.mark.parametrize("sync", [False, True])
async def test_what_was_saved_is_durable_on_return(sync: bool, attempts: Attempts, store: Store) -> None:
    seen: list[str | None] = []
    loop = asyncio.get_running_loop()

    async def look(key: Any) -> None:
        record = await store.find(key)
        seen.append(None if record is None else record.checkpoint)

    async def tool(ctx: JobContext[None]) -> None:
        await ctx.save([1])
        await look(record.key)

    def tool_in_a_thread(ctx: JobContext[None]) -> None:
        ctx.save([1])
        asyncio.run_coroutine_threadsafe(look(record.key), loop).result()

    record, prepared = await begin(store, asks(tool_in_a_thread if sync else tool))
    await run(attempts, record, prepared)
    assert seen == ["[1]"]


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "x" * MAX_CHECKPOINT_BYTES])
async def test_what_cannot_be_saved_is_raised_in_the_tool(
    value: Any, attempts: Attempts, store: Store
) -> None:
    async def tool(ctx: JobContext[None]) -> JsonValue:
        await ctx.save("before")
        with pytest.raises(ValueError):  # noqa: PT011 - the kind is what tools may rely on
            await ctx.save(value)
        return ctx.checkpoint

    assert (await run(attempts, *await begin(store, asks(tool)))).result == '"before"'


@pytest.mark.promise("P8")
async def test_a_save_waits_for_a_store_that_is_away(
    attempts: Attempts, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()

    async def tool(ctx: JobContext[None]) -> None:
        await gate.wait()
        await ctx.save("saved")

    record, prepared = await begin(store, asks(tool))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await store.__aexit__()
    gate.set()
    await wait_until(lambda: "a checkpoint waits for the store" in caplog.text, SOON, "it has tried")
    await store.__aenter__()
    await asyncio.wait_for(running, SOON)
    assert (await found(store, record)).checkpoint == '"saved"'


@pytest.mark.promise("P10")
async def test_a_save_under_a_lost_token_ends_the_attempt(attempts: Attempts, store: Store) -> None:
    """Before its next line, and as an attempt that somebody else has taken over."""
    lines: list[str] = []

    async def tool(ctx: JobContext[None]) -> None:
        await store.retry(record.token or "", delay_ms=0, holder=HOLDER, lease_ms=LEASE_MS)
        try:
            await ctx.save(1)
        except asyncio.CancelledError as error:
            lines.append(str(error))
            raise
        lines.append("went on")

    record, prepared = await begin(store, asks(tool, max_attempts=2))
    assert await attempts.run(record, prepared, tell=tell) is None
    assert lines == [Ending.FENCED]
    assert (await found(store, record)).checkpoint is None


@pytest.mark.promise("P10")
async def test_a_save_in_a_thread_that_was_given_up_ends_it(attempts: Attempts, store: Store) -> None:
    lines: list[str] = []
    loop, gate = asyncio.get_running_loop(), asyncio.Event()

    def tool(ctx: JobContext[None]) -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        try:
            ctx.save(1)
        except AttemptEnded as ended:
            lines.append(ended.reason)
            raise
        lines.append("went on")

    record, prepared = await begin(store, asks(tool, max_attempts=2))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await wait_until(lambda: len(attempts.leases) == 1, SOON, "it runs")
    attempts.leases.end_all(Ending.DRAINING)
    changed = await asyncio.wait_for(running, SOON)
    assert isinstance(changed, Changed)
    gate.set()
    await wait_until(lambda: bool(lines), SOON, "the thread has ended")
    assert lines == [Ending.FENCED]
    assert (await found(store, record)).checkpoint is None
