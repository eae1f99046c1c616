"""One attempt at a claimed request: how it ends, and what is recorded of it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.services.given import CLIENT, HOLDER, LEASE_MS, SERVER, until
from tests.unit.services.lossy import Lossy
from tests.unit.services.tried import begin, call, error_of, found, job, tell
from tests.waiting import wait_until
from toolwire.contracts.envelopes import Trace
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.history import Why
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.snapshots import Progress
from toolwire.services import JobContext, ToolContext, ToolError
from toolwire.services.requests.seals import Seals
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.coded_errors import cancelled, deadline_exceeded, interrupted
from toolwire.services.running.leases import Ending, Leases
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Changed, Outcome, Record, Store
from toolwire.services.telemetry.signals import Signals
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post

SOON = 5.0
LATER = 30.0


def waits(started: asyncio.Event) -> Callable[..., Any]:
    async def tool(ctx: JobContext[None]) -> int:
        started.set()
        await asyncio.Event().wait()
        return 1

    return tool


async def ended_by(
    attempts: Attempts, store: Store, ending: Ending, *, max_attempts: int = 1
) -> tuple[Changed | None, Record]:
    """A waiting job that is ended for this reason."""
    started = asyncio.Event()
    record, prepared = await begin(store, job(waits(started), max_attempts=max_attempts))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await asyncio.wait_for(started.wait(), SOON)
    attempts.leases.end_all(ending)
    changed = await asyncio.wait_for(running, SOON)
    assert running.cancelling() == 0
    assert len(attempts.leases) == 0
    return changed, await found(store, record)


# --- a tool that ends by itself ---


async def test_a_result_is_recorded_with_its_event(attempts: Attempts, store: Store) -> None:
    async def tool(ctx: JobContext[None]) -> list[int]:
        return [1, 2]

    record, prepared = await begin(store, job(tool))
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert (changed.record.status, changed.record.result) == (Status.DONE, "[1,2]")
    assert [message.event for message in changed.messages] == [EventName.DONE]
    assert await found(store, record) == changed.record


@pytest.mark.parametrize("through_outbox", [True, False])
async def test_a_call_takes_its_answer_to_the_outbox_if_the_delivery_is_gone(
    attempts: Attempts, store: Store, through_outbox: bool
) -> None:
    async def tool() -> int:
        return 7

    record, prepared = await begin(store, call(tool))
    changed = await attempts.run(record, prepared, tell=lambda: through_outbox)
    assert changed is not None
    assert changed.record.status is Status.DONE
    assert [message.event for message in changed.messages] == ([None] if through_outbox else [])


async def test_whether_to_tell_is_asked_when_the_outcome_is_written(attempts: Attempts, store: Store) -> None:
    """The delivery may be given back while the tool runs."""
    gate, released = asyncio.Event(), list[bool]()

    async def tool() -> int:
        await gate.wait()
        return 7

    record, prepared = await begin(store, call(tool))
    running = asyncio.create_task(attempts.run(record, prepared, tell=lambda: bool(released)))
    await wait_until(lambda: len(attempts.leases), SOON, "it runs")
    released.append(True)
    gate.set()
    changed = await running
    assert changed is not None
    assert len(changed.messages) == 1


async def test_a_tool_error_is_recorded(attempts: Attempts, store: Store) -> None:
    async def tool(ctx: JobContext[None]) -> int:
        raise ToolError("no", "Not today", {"tries": ctx.attempt})

    record, prepared = await begin(store, job(tool, max_attempts=3))
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert changed.record.status is Status.ERROR
    assert error_of(changed.record) == WireError(
        code=Code.TOOL_ERROR, message="Not today", retryable=False, reason="no", data={"tries": 1}
    )


async def test_a_deadline_that_has_passed_ends_a_job_before_it_starts(
    attempts: Attempts, store: Store
) -> None:
    started: list[str] = []

    async def tool(ctx: JobContext[None]) -> None:
        started.append("yes")

    record, prepared = await begin(store, job(tool, max_attempts=3))
    late = replace(record, deadline_ms=1)
    changed = await attempts.run(late, prepared, tell=tell)
    assert changed is not None
    assert error_of(changed.record) == deadline_exceeded()
    assert started == []


async def test_the_last_progress_goes_with_the_outcome(attempts: Attempts, store: Store) -> None:
    async def tool(ctx: JobContext[None]) -> None:
        ctx.progress(0.2)
        ctx.progress(0.9, "nearly")

    record, prepared = await begin(store, job(tool))
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert changed.record.progress == Progress(fraction=0.9, message="nearly").model_dump_json()
    assert changed.record.seq == record.seq + 1


async def test_what_a_job_knows(attempts: Attempts, store: Store) -> None:
    told: list[JobContext[Any]] = []

    async def tool(ctx: JobContext[None]) -> None:
        told.append(ctx)

    trace = Trace(traceparent=f"00-{'1' * 32}-{'2' * 16}-01")
    record, prepared = await begin(store, job(tool), trace=trace.model_dump_json())
    await attempts.run(record, prepared, tell=tell)
    [ctx] = told
    assert (ctx.state, ctx.client_id, ctx.request_id) == ("the state", CLIENT, record.key.request_id)
    assert (ctx.tool, ctx.deadline_ms, ctx.attempt) == ("tried", record.deadline_ms, 1)
    assert (ctx.job_id, ctx.trace) == (record.job_id, trace)


async def test_what_a_call_knows(attempts: Attempts, store: Store) -> None:
    told: list[ToolContext[Any]] = []

    async def tool(ctx: ToolContext[None]) -> None:
        told.append(ctx)

    record, prepared = await begin(store, call(tool, context=True))
    await attempts.run(record, prepared, tell=tell)
    assert type(told[0]) is ToolContext
    assert (told[0].state, told[0].attempt, told[0].trace) == ("the state", 1, None)


# --- a tool that is ended ---


@pytest.mark.promise("P7")
@pytest.mark.parametrize("max_attempts", [1, 3])
async def test_a_cancelled_job_is_cancelled(attempts: Attempts, store: Store, max_attempts: int) -> None:
    changed, record = await ended_by(attempts, store, Ending.CANCELLED, max_attempts=max_attempts)
    assert changed is not None
    assert record.status is Status.CANCELLED
    assert error_of(record) == cancelled()
    assert [message.event for message in changed.messages] == [EventName.CANCELLED]


@pytest.mark.promise("P10")
async def test_who_lost_the_lease_writes_nothing(attempts: Attempts, store: Store) -> None:
    changed, record = await ended_by(attempts, store, Ending.FENCED)
    assert changed is None
    assert (record.status, record.result, record.error) == (Status.RUNNING, None, None)


@pytest.mark.promise("P7")
async def test_a_stopping_replica_hands_back_what_may_run_again(attempts: Attempts, store: Store) -> None:
    changed, record = await ended_by(attempts, store, Ending.DRAINING, max_attempts=2)
    assert changed is not None
    assert [message.event for message in changed.messages] == [EventName.RETRYING]
    assert (record.status, record.attempt, record.token) == (Status.ACCEPTED, 1, None)
    again = await store.take(["tried"], token="other", holder="other", lease_ms=LEASE_MS, kinds=["job"])
    assert again is not None, "another replica takes it at once"
    assert again.record.attempt == 2
    history = await store.history(CLIENT, record.job_id or "")
    assert [(entry.replica, entry.why) for entry in history[2:]] == [(HOLDER, Why.DRAINED), ("other", None)]


@pytest.mark.promise("P4", "P7")
async def test_a_stopping_replica_interrupts_what_may_not(attempts: Attempts, store: Store) -> None:
    changed, record = await ended_by(attempts, store, Ending.DRAINING)
    assert changed is not None
    assert record.status is Status.ERROR
    assert error_of(record) == interrupted()


@pytest.mark.promise("P10")
async def test_a_stale_worker_cannot_finish(attempts: Attempts, store: Store) -> None:
    """It was never told that its lease is lost, and comes with its result all the same."""
    gate = asyncio.Event()

    async def tool(ctx: JobContext[None]) -> str:
        await gate.wait()
        return "from the stale one"

    record, prepared = await begin(store, job(tool, max_attempts=3))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    assert record.token is not None
    await store.retry(record.token, delay_ms=0, holder="sweep", lease_ms=LEASE_MS)
    second = await store.take(["tried"], token="second", holder="other", lease_ms=LEASE_MS, kinds=["job"])
    assert second is not None
    gate.set()
    assert await running is None
    assert (await found(store, record)).token == "second"
    outcome = Outcome(Status.DONE, '"from the second"')
    await store.finish("second", outcome, progress=None, tell=True, holder="other", lease_ms=LEASE_MS)
    assert (await found(store, record)).result == '"from the second"'


@pytest.mark.promise("P7")
async def test_a_result_that_was_ready_wins_over_the_cancel_that_came_too_late(
    attempts: Attempts, store: Store
) -> None:
    started = asyncio.Event()

    async def tool(ctx: JobContext[None]) -> str:
        try:
            started.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "saved"
        return "never"

    record, prepared = await begin(store, job(tool))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await started.wait()
    attempts.leases.end_all(Ending.CANCELLED)
    changed = await running
    assert changed is not None
    assert (changed.record.status, changed.record.result) == (Status.DONE, '"saved"')
    assert running.cancelling() == 0, "or the next timeout in this task would go wrong"


@pytest.mark.parametrize(
    ("ending", "status"), [(Ending.CANCELLED, Status.CANCELLED), (Ending.DRAINING, Status.ACCEPTED)]
)
@pytest.mark.parametrize("error", [RuntimeError("broke"), ToolError("no")], ids=["breaks", "refuses"])
async def test_a_tool_that_makes_an_error_of_its_end_was_still_ended(
    attempts: Attempts, store: Store, ending: Ending, status: Status, error: Exception
) -> None:
    started = asyncio.Event()

    async def tool(ctx: JobContext[None]) -> str:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            raise error

    record, prepared = await begin(store, job(tool, max_attempts=2))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await started.wait()
    attempts.leases.end_all(ending)
    changed = await running
    assert changed is not None
    assert changed.record.status is status


async def test_a_cancellation_that_nobody_ordered_passes_through(attempts: Attempts, store: Store) -> None:
    started = asyncio.Event()
    record, prepared = await begin(store, job(waits(started)))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(attempts.leases) == 0
    assert (await found(store, record)).status is Status.RUNNING, "the sweep settles it"


async def test_who_does_not_hand_back_in_time_is_cancelled_for_good(attempts: Attempts, store: Store) -> None:
    """Draining, and then the replica waits no longer: nothing may go on as if it still did."""
    started, cleaning = asyncio.Event(), asyncio.Event()

    async def tool(ctx: JobContext[None]) -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.Event().wait()

    record, prepared = await begin(store, job(tool, max_attempts=2))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await started.wait()
    attempts.leases.end_all(Ending.DRAINING)
    await cleaning.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("ending", [Ending.CANCELLED, Ending.DRAINING])
async def test_an_end_that_comes_with_the_deadline(attempts: Attempts, store: Store, ending: Ending) -> None:
    started = asyncio.Event()
    record, prepared = await begin(store, job(waits(started), max_attempts=2), seconds=0.3)
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await started.wait()
    left = record.deadline_ms / 1000
    asyncio.get_running_loop().call_soon(lambda: _block_until(left))
    await asyncio.sleep(0)
    attempts.leases.end_all(ending)
    changed = await asyncio.wait_for(running, SOON)
    assert changed is not None
    assert running.cancelling() == 0
    assert changed.record.status in (Status.CANCELLED, Status.ERROR, Status.ACCEPTED)


def _block_until(wall_s: float) -> None:
    time.sleep(max(0.0, wall_s - time.time()) + 0.01)


# --- a store that is away ---


@pytest.mark.promise("P8")
@pytest.mark.parametrize("raises", [False, True])
async def test_an_outcome_waits_for_a_store_that_is_away(
    attempts: Attempts, store: Store, raises: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A result is finished, a break is retried: both wait."""
    gate = asyncio.Event()

    async def tool(ctx: JobContext[None]) -> int:
        await gate.wait()
        if raises:
            raise RuntimeError
        return 7

    record, prepared = await begin(store, job(tool, max_attempts=2))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await store.__aexit__()
    gate.set()
    await wait_until(lambda: caplog.text.count("waits for the store") > 1, SOON, "it has tried twice")
    assert not running.done()
    await store.__aenter__()
    changed = await asyncio.wait_for(running, SOON)
    assert changed is not None
    assert changed.record.status is (Status.ACCEPTED if raises else Status.DONE)


@pytest.mark.promise("P7", "P10")
@pytest.mark.parametrize("committed", [True, False])
async def test_after_an_unknown_commit_the_outcome_is_written_once(
    committed: bool, tmp_path: Path, threads: ToolThreads, post: Post, seals: Seals
) -> None:
    async def tool(ctx: JobContext[None]) -> int:
        return 7

    lossy = Lossy(tmp_path / "store.sqlite3")
    async with lossy.store as store:
        outbox, leases = Outbox(store, post, seals), Leases(store, LEASE_MS)
        attempts = Attempts(store, outbox, leases, threads, None, HOLDER, SERVER, Signals())
        record, prepared = await begin(store, job(tool))
        lossy.lose(committed=committed)
        asked: list[bool] = []

        def tell_by_outbox() -> bool:
            asked.append(True)
            return True

        changed = await attempts.run(record, prepared, tell=tell_by_outbox)
        assert changed is not None
        assert len(asked) == 1, "what may have been written with one answer is not written with another"
        assert (changed.record.status, changed.record.result) == (Status.DONE, "7")
        assert (await found(store, record)).seq == record.seq + 1
        assert len(changed.messages) == (0 if committed else 1), "what was written, the sweep sends"


async def test_after_an_unknown_commit_of_a_hand_back_nothing_is_told_twice(
    tmp_path: Path, threads: ToolThreads, post: Post, seals: Seals
) -> None:
    async def tool(ctx: JobContext[None]) -> int:
        raise RuntimeError

    lossy = Lossy(tmp_path / "store.sqlite3")
    async with lossy.store as store:
        outbox, leases = Outbox(store, post, seals), Leases(store, LEASE_MS)
        attempts = Attempts(store, outbox, leases, threads, None, HOLDER, SERVER, Signals())
        record, prepared = await begin(store, job(tool, max_attempts=2))
        lossy.lose(committed=True)
        assert await attempts.run(record, prepared, tell=tell) is None
        assert (await found(store, record)).status is Status.ACCEPTED


async def test_an_attempt_that_is_cut_off_reports_nothing_after_its_end(
    attempts: Attempts, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The replica waits no longer and closes its store: a report would be tried for ever."""
    started = asyncio.Event()

    async def tool(ctx: JobContext[None]) -> None:
        await ctx.progress(0.1)
        await until(lambda: is_told(0.1))
        await ctx.progress(0.2)
        started.set()
        await asyncio.Event().wait()

    async def is_told(fraction: float) -> bool:
        told = (await found(store, record)).progress
        return told is not None and Progress.model_validate_json(told).fraction == fraction

    record, prepared = await begin(store, job(tool))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await asyncio.wait_for(started.wait(), SOON)
    running.cancel()
    await asyncio.wait({running})
    await store.__aexit__()
    reporting = [task for task in asyncio.all_tasks() if task.get_name() == "progress"]
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*reporting), 1)  # which cancels what goes on
    assert not any(task.cancelled() for task in reporting)
    assert "progress was not recorded" not in caplog.text
