"""Output on its way to the store: all of it, in order, in few events, and before the outcome."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.unit.services.given import CLIENT, HOLDER, LEASE_MS, until
from tests.unit.services.lossy import Lossy
from tests.unit.services.tried import begin, found, job, tell
from tests.waiting import wait_until
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.snapshots import Progress
from toolwire.services import AttemptEnded, JobContext, Retry, ToolError
from toolwire.services.requests.seals import Seals
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.leases import Ending
from toolwire.services.store.port import Emitted, Record, Store
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.pieces import MOST_TOGETHER, MOST_WAITING, written
from toolwire.services.telling.post import Post
from toolwire.services.telling.recording import Recording
from toolwire.services.telling.reporter import INTERVAL_S, Reporter

SOON = 15.0


async def nothing(ctx: JobContext[None]) -> None:
    """A job whose tool is the test itself."""


async def begun(store: Store) -> Record:
    record, _ = await begin(store, job(nothing))
    return record


def reporter(
    store: Store, outbox: Outbox, record: Record, *, on_lost: Callable[[], None] = lambda: None
) -> Reporter:
    return Reporter(Recording(store, outbox, record, HOLDER, LEASE_MS), on_lost=on_lost)


async def events(store: Store, record: Record) -> list[Emitted]:
    """The output events of a job."""
    found: list[Emitted] = []
    more = True
    while more:
        after = found[-1].seq if found else 0
        read = await store.outputs(
            CLIENT, record.job_id or "", after=after, limit=100, most_bytes=10 * MOST_TOGETHER
        )
        assert read is not None
        found, more = [*found, *read.emitted], read.more
    return found


async def pieces(store: Store, record: Record) -> list[Any]:
    """All that a job put out."""
    return [piece for event in await events(store, record) for piece in json.loads(event.pieces)]


@pytest.fixture
def lossy(tmp_path: Path) -> Lossy:
    return Lossy(tmp_path / "lossy.sqlite3")


@pytest_asyncio.fixture
async def lossy_store(lossy: Lossy) -> AsyncIterator[Store]:
    async with lossy.store as opened:
        yield opened


# --- all of it, in few events ---


async def test_a_hundred_thousand_pieces_become_few_events(store: Store, outbox: Outbox) -> None:
    record = await begun(store)
    reports = reporter(store, outbox, record)
    started = asyncio.get_running_loop().time()
    for number in range(100_000):
        await reports.emit(str(number))
    assert await reports.close() is None
    took = asyncio.get_running_loop().time() - started
    told = await events(store, record)
    assert [piece for event in told for piece in json.loads(event.pieces)] == list(range(100_000))
    # What is left at the end goes at once; it is no more than may wait, and what one event takes besides.
    assert len(told) <= 2 + took / INTERVAL_S + MOST_WAITING / MOST_TOGETHER
    assert all(len(event.pieces.encode()) <= MOST_TOGETHER for event in told)
    assert outbox.waiting == len(told)


async def test_a_tool_on_the_loop_lets_others_have_their_turn(store: Store, outbox: Outbox) -> None:
    """Also while there is room, so that it would not have to wait."""
    reports = reporter(store, outbox, await begun(store))
    turn = asyncio.ensure_future(asyncio.sleep(0))
    for _ in range(MOST_WAITING // 2 - 1):
        await reports.emit("1")
        if turn.done():
            break
    assert turn.done()
    await reports.close()


async def test_progress_and_output_take_turns(store: Store, outbox: Outbox) -> None:
    """Neither keeps the other from being told, however much there is of it."""
    record = await begun(store)
    reports = reporter(store, outbox, record)

    async def both_were_told() -> bool:
        reports.report(Progress(fraction=0.5))
        await reports.emit("1")
        now = await found(store, record)
        return now.progress is not None and len(await events(store, record)) > 1

    started = asyncio.get_running_loop().time()
    await until(both_were_told)
    await reports.close()
    took = asyncio.get_running_loop().time() - started
    now = await found(store, record)
    assert now.seq - record.seq <= 2 + took / INTERVAL_S


async def test_a_thread_waits_while_too_much_waits(
    store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    record = await begun(store)
    reports = reporter(store, outbox, record)
    text = written("x" * 10_000)
    often = 10 + MOST_WAITING // len(text)
    emitted: list[int] = []

    def tool() -> None:
        for number in range(often):
            reports.emit(text)
            emitted.append(number)

    await store.__aexit__()
    thread = threading.Thread(target=tool)
    thread.start()
    await wait_until(lambda: len(emitted) == MOST_WAITING // len(text), SOON, "it has put out what may wait")
    await wait_until(lambda: "output was not recorded" in caplog.text, SOON, "it was tried")
    assert thread.is_alive()
    await store.__aenter__()
    await wait_until(lambda: not thread.is_alive(), SOON, "it goes on")
    assert await reports.close() is None
    assert await pieces(store, record) == [json.loads(text)] * often


async def test_a_task_waits_while_too_much_waits(store: Store, outbox: Outbox) -> None:
    record = await begun(store)
    reports = reporter(store, outbox, record)
    text = written("x" * (MOST_WAITING - 3))
    await store.__aexit__()
    waiting = [asyncio.ensure_future(reports.emit(text)) for _ in range(3)]
    done, _ = await asyncio.wait(waiting, timeout=2 * INTERVAL_S)
    assert not done
    await store.__aenter__()
    async with asyncio.timeout(SOON):
        await asyncio.gather(*waiting)
    await reports.close()
    assert len(await pieces(store, record)) == 3


# --- however it ends ---


async def test_once_it_is_over_nothing_more_is_taken(store: Store, outbox: Outbox) -> None:
    reports = reporter(store, outbox, await begun(store))
    await reports.close()
    with pytest.raises(AttemptEnded):
        reports.emit("1")


@pytest.mark.promise("P10")
async def test_under_a_lost_token_nothing_is_put_out(store: Store, outbox: Outbox) -> None:
    record = await begun(store)
    lost: list[bool] = []
    stale = replace(record, token="another")
    reports = reporter(store, outbox, stale, on_lost=lambda: lost.append(True))
    reports.emit("1")
    await wait_until(lambda: lost, SOON, "it is told")
    reports.emit("2")
    assert await reports.close() is None
    assert await events(store, record) == []
    assert await found(store, record) == record


@pytest.mark.parametrize("committed", [True, False])
async def test_after_an_unknown_commit_the_pieces_are_there_once(
    lossy: Lossy, lossy_store: Store, post: Post, seals: Seals, *, committed: bool
) -> None:
    record = await begun(lossy_store)
    reports = reporter(lossy_store, Outbox(lossy_store, post, seals), record)
    lossy.lose(committed=committed)
    for number in range(3):
        await reports.emit(str(number))
    await reports.close()
    assert await pieces(lossy_store, record) == [0, 1, 2]


@pytest.mark.parametrize("committed", [True, False])
async def test_after_an_unknown_commit_of_progress_the_pieces_are_there_once(
    lossy: Lossy,
    lossy_store: Store,
    post: Post,
    seals: Seals,
    caplog: pytest.LogCaptureFixture,
    *,
    committed: bool,
) -> None:
    record = await begun(lossy_store)
    reports = reporter(lossy_store, Outbox(lossy_store, post, seals), record)
    lossy.lose(committed=committed)
    reports.report(Progress(fraction=0.5))
    await wait_until(lambda: "progress was not recorded" in caplog.text, SOON, "it was tried")
    await reports.emit("1")
    await reports.close()
    assert await pieces(lossy_store, record) == [1]


async def test_after_an_unknown_commit_the_output_goes_before_progress_that_waits(
    lossy: Lossy, lossy_store: Store, post: Post, seals: Seals, caplog: pytest.LogCaptureFixture
) -> None:
    """An event of another kind in between would hide from the second try that the first one went through."""
    record = await begun(lossy_store)
    reports = reporter(lossy_store, Outbox(lossy_store, post, seals), record)
    lossy.lose(committed=True)
    await reports.emit("1")
    reports.report(Progress(fraction=0.5))
    await wait_until(lambda: "output was not recorded" in caplog.text, SOON, "it was tried")

    async def progress_was_recorded() -> bool:
        return (await found(lossy_store, record)).progress is not None

    await until(progress_was_recorded)
    await reports.close()
    assert await pieces(lossy_store, record) == [1]


async def test_when_the_store_is_back_the_end_has_all_pieces(
    store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    record = await begun(store)
    reports = reporter(store, outbox, record)
    await store.__aexit__()
    await reports.emit("1")
    closing = asyncio.create_task(reports.close())
    await wait_until(lambda: "output was not recorded" in caplog.text, SOON, "it was tried")
    assert not closing.done()
    await store.__aenter__()
    await asyncio.wait_for(closing, SOON)
    assert await pieces(store, record) == [1]


async def breaks(ctx: JobContext[None]) -> None:
    await ctx.emit("a word")
    raise RuntimeError


async def refuses(ctx: JobContext[None]) -> None:
    await ctx.emit("a word")
    raise ToolError("no")


async def comes_again(ctx: JobContext[None]) -> None:
    await ctx.emit("a word")
    raise Retry


def returns_from_a_thread(ctx: JobContext[None]) -> None:
    ctx.emit("a word")


async def does_not_wait(ctx: JobContext[None]) -> None:
    ctx.emit("a word")


@pytest.mark.parametrize(
    ("tool", "status"),
    [
        (breaks, Status.ERROR),
        (refuses, Status.ERROR),
        (comes_again, Status.ACCEPTED),
        (returns_from_a_thread, Status.DONE),
        (does_not_wait, Status.DONE),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_output_comes_before_the_end_of_its_attempt(
    attempts: Attempts, store: Store, tool: Callable[..., Any], status: Status
) -> None:
    record, prepared = await begin(store, job(tool, max_attempts=2 if tool is comes_again else 1))
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert changed.record.status is status
    assert [(event.seq, event.pieces) for event in await events(store, record)] == [
        (record.seq + 1, '["a word"]')
    ]
    assert changed.record.seq == record.seq + 2


async def waits(ctx: JobContext[None]) -> None:
    await ctx.emit("first")
    try:
        await asyncio.Event().wait()
    finally:
        await ctx.emit("last")


@pytest.mark.parametrize(
    ("ending", "kept"),
    [
        (Ending.CANCELLED, ["first", "last"]),
        (Ending.DRAINING, ["first", "last"]),
        pytest.param(Ending.FENCED, ["first"], marks=pytest.mark.promise("P10")),
    ],
)
async def test_the_last_word_of_an_attempt_that_was_ended(
    attempts: Attempts, store: Store, ending: Ending, kept: list[str]
) -> None:
    record, prepared = await begin(store, job(waits))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))

    async def has_begun() -> bool:
        return bool(await events(store, record))

    await until(has_begun)
    attempts.leases.end_all(ending)
    await asyncio.wait_for(running, SOON)
    assert await pieces(store, record) == kept


async def test_a_deadline_ends_a_tool_that_waits_for_room(attempts: Attempts, store: Store) -> None:
    async def floods(ctx: JobContext[None]) -> None:
        while True:
            await ctx.emit("x" * 1000)

    record, prepared = await begin(store, job(floods), seconds=0.3)
    changed = await attempts.run(record, prepared, tell=tell)
    assert changed is not None
    assert changed.messages[-1].event is EventName.ERROR
    assert set(await pieces(store, record)) == {"x" * 1000}
