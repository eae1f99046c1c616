"""The sweep: what others left behind is put right."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.unit.services.given import HOLDER, LEASE_MS, TOOLS, new_record, until
from tests.waiting import wait_until
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import Status
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.runner import Runner
from toolwire.services.running.tasks import Tasks
from toolwire.services.store.port import NewRecord, Outcome, Record, Store
from toolwire.services.telemetry.signals import Signals
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post
from toolwire.services.upkeep.sweep import Sweep

SOON = 5.0
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def runner(attempts: Attempts, post: Post) -> Iterator[Runner]:
    tasks = Tasks()
    yield Runner(attempts, TOOLS, tasks, post, 1)
    assert len(tasks) == 0


def sweeper(store: Store, outbox: Outbox, runner: Runner, **changes: Any) -> Sweep:
    fields: dict[str, Any] = {
        "store": store,
        "outbox": outbox,
        "runner": runner,
        "signals": Signals(),
        "holder": HOLDER,
        "lease_ms": LEASE_MS,
        "result_ttl_ms": DAY_MS,
        "skew_ms": 30_000,
    }
    return Sweep(**fields | changes)


@pytest.fixture
def sweep(store: Store, outbox: Outbox, runner: Runner) -> Sweep:
    return sweeper(store, outbox, runner)


async def lost(store: Store, tool: str, **changes: Any) -> NewRecord:
    """A request whose replica died, and whose lease has run out."""
    spec = TOOLS[tool]
    new = new_record(spec, {"amount": 1} if spec.kind == "tool" else {}, **changes)
    if spec.kind == "tool":
        await store.claim(new, token=f"of {new.key}", holder="gone", lease_ms=0)
    else:
        await store.accept(new, holder="gone", lease_ms=0)
        await store.take([tool], token=f"of {new.key}", holder="gone", lease_ms=0, kinds=["job"])
    return new


async def state(store: Store, new: NewRecord) -> Record:
    record = await store.find(new.key)
    assert record is not None
    return record


async def has_status(store: Store, new: NewRecord, status: Status) -> bool:
    return (await state(store, new)).status is status


def code_of(record: Record) -> Code:
    assert record.error is not None
    return WireError.model_validate_json(record.error).code


@pytest.mark.promise("P4", "P7")
@pytest.mark.parametrize(
    ("tool", "status"),
    [
        ("charge", Status.ERROR),
        ("put", Status.ACCEPTED),
        ("launch", Status.ERROR),
        ("build", Status.ACCEPTED),
    ],
)
async def test_what_was_lost_runs_again_only_if_it_may(
    sweep: Sweep, store: Store, tool: str, status: Status
) -> None:
    new = await lost(store, tool)
    await sweep.once()
    record = await state(store, new)
    assert (record.status, record.token) == (status, None)
    if status is Status.ERROR:
        assert code_of(record) is Code.INTERRUPTED


@pytest.mark.promise("P7")
@pytest.mark.parametrize("tool", ["charge", "build"])
async def test_what_is_past_its_deadline_is_over(sweep: Sweep, store: Store, tool: str) -> None:
    new = await lost(store, tool, seconds=-1)
    await sweep.once()
    record = await state(store, new)
    assert record.status is Status.ERROR
    assert code_of(record) in (Code.DEADLINE_EXCEEDED, Code.INTERRUPTED)


async def test_a_waiting_job_past_its_deadline_is_over_too(sweep: Sweep, store: Store) -> None:
    new = new_record(TOOLS["build"], seconds=-1)
    await store.accept(new, holder="gone", lease_ms=0)
    await sweep.once()
    assert code_of(await state(store, new)) is Code.DEADLINE_EXCEEDED


async def test_what_is_held_is_left_alone(sweep: Sweep, store: Store) -> None:
    new = new_record(TOOLS["charge"], {"amount": 1})
    await store.claim(new, token="held", holder="alive", lease_ms=LEASE_MS)
    await sweep.once()
    assert (await state(store, new)).token == "held"


@pytest.mark.promise("P8")
async def test_what_nobody_sent_is_taken_over(sweep: Sweep, store: Store, outbox: Outbox) -> None:
    await store.accept(new_record(TOOLS["build"]), holder="gone", lease_ms=0)
    async with asyncio.timeout(SOON):
        await outbox.drained()
    await sweep.once()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await outbox.drained()
    assert await store.unsent(holder="another", lease_ms=LEASE_MS, limit=10) == []


async def test_bodies_leave_and_then_records(store: Store, outbox: Outbox, runner: Runner) -> None:
    sweep = sweeper(store, outbox, runner, result_ttl_ms=0, skew_ms=60_000)
    new = new_record(TOOLS["charge"], {"amount": 1}, seconds=0.3)
    await store.claim(new, token="t", holder=HOLDER, lease_ms=LEASE_MS)
    await store.finish("t", Outcome(Status.DONE, "1"), progress=None, tell=False, holder=HOLDER, lease_ms=1)
    await sweep.once()
    record = await state(store, new)
    assert (record.forgotten, record.result, record.status) == (True, None, Status.DONE)
    later = sweeper(store, outbox, runner, result_ttl_ms=0, skew_ms=0)
    async with asyncio.timeout(SOON):
        while await store.find(new.key) is not None:
            await later.once()


async def test_one_sweeps_and_the_others_stand_by(store: Store, outbox: Outbox, runner: Runner) -> None:
    await sweeper(store, outbox, runner, holder="first").once()
    new = await lost(store, "charge")
    await sweeper(store, outbox, runner, holder="second").once()
    assert (await state(store, new)).status is Status.RUNNING
    await sweeper(store, outbox, runner, holder="first").once()
    assert (await state(store, new)).status is Status.ERROR


async def test_a_job_that_may_run_again_wakes_the_runner(sweep: Sweep, runner: Runner, store: Store) -> None:
    new = await lost(store, "build")
    working = asyncio.create_task(runner.work())
    await sweep.once()
    await until(lambda: has_status(store, new, Status.DONE))
    working.cancel()
    await asyncio.wait({working})
    assert await runner.tasks.wait(SOON)


# --- patience ---


async def test_after_a_start_every_holder_gets_one_lease_to_renew(
    store: Store, outbox: Outbox, runner: Runner
) -> None:
    sweep = sweeper(store, outbox, runner, lease_ms=300)
    new = await lost(store, "charge")
    begun = time.monotonic()
    working = asyncio.create_task(sweep.work())
    await until(lambda: has_status(store, new, Status.ERROR))
    assert time.monotonic() - begun >= 0.3
    working.cancel()
    await asyncio.wait({working})


async def test_after_an_outage_of_the_store_as_well(
    store: Store, outbox: Outbox, runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    sweep = sweeper(store, outbox, runner, lease_ms=60)
    working = asyncio.create_task(sweep.work())
    await store.__aexit__()
    await wait_until(lambda: "no sweep, the store is away" in caplog.text, SOON, "it has tried")
    await store.__aenter__()
    new = await lost(store, "charge")
    await until(lambda: has_status(store, new, Status.ERROR))
    working.cancel()
    await asyncio.wait({working})


@pytest.mark.parametrize("jump_s", [-3600, 3600])
async def test_a_jump_of_the_clock_takes_nothing_from_its_holder(
    sweep: Sweep, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, jump_s: int
) -> None:
    new = await lost(store, "charge")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump_s)
    await sweep.once()
    assert "the clock jumped by" in caplog.text
    assert (await state(store, new)).status is Status.RUNNING
    caplog.clear()
    await sweep.once()
    assert caplog.text == "", "the new time is the time from then on"


async def test_a_store_that_kept_everybody_waiting_takes_nothing_from_its_holder(
    store: Store, store_url: str, outbox: Outbox, runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process had the lock: nobody could renew."""
    sweep = sweeper(store, outbox, runner, lease_ms=300)
    new = await lost(store, "charge")
    hog = sqlite3.connect(store_url.removeprefix("sqlite:///"), isolation_level=None)
    hog.execute("BEGIN IMMEDIATE")
    sweeping = asyncio.create_task(sweep.once())
    await asyncio.wait({sweeping}, timeout=0.15)  # more than a third of the lease
    hog.close()
    await asyncio.wait_for(sweeping, SOON)
    assert "the store kept everybody waiting" in caplog.text
    assert (await state(store, new)).status is Status.RUNNING
    async with asyncio.timeout(SOON):
        while (await state(store, new)).status is Status.RUNNING:
            await sweep.once()


# --- a lot to do ---


@pytest.mark.parametrize("left_behind", ["old", "late", "lost"])
async def test_a_long_backlog_is_put_right_without_pauses(
    store: Store, outbox: Outbox, runner: Runner, monkeypatch: pytest.MonkeyPatch, left_behind: str
) -> None:
    """Records come faster than a step a second could take them away: the store would grow for ever."""
    monkeypatch.setattr("toolwire.services.upkeep.sweep.STEP", 2)
    sweep = sweeper(store, outbox, runner, lease_ms=600, result_ttl_ms=0)
    left = [await a_backlog[left_behind](store) for _ in range(60)]
    working = asyncio.create_task(sweep.work())

    async def is_put_right() -> bool:
        record = await state(store, left[-1])
        return record.forgotten or (left_behind != "old" and record.status is Status.ERROR)

    begun = time.monotonic()
    await until(is_put_right)
    working.cancel()
    await asyncio.wait({working})
    assert time.monotonic() - begun < 5, "thirty pauses take six seconds"


async def test_what_was_not_sent_for_long_is_sent_without_pauses(
    store: Store, outbox: Outbox, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These rows are too large to be sent, so that they are settled without a broker."""
    monkeypatch.setattr("toolwire.services.upkeep.sweep.STEP", 2)
    for _ in range(30):
        await over(store, Outcome(Status.DONE, f'"{"x" * 2**20}"'), tell=True)
    sweep = sweeper(store, outbox, runner, lease_ms=3_000)
    working = [asyncio.create_task(work()) for work in (sweep.work, outbox.work)]

    async def is_sent() -> bool:
        found = await store.unsent(holder="another", lease_ms=0, limit=1)
        return not found and outbox.waiting == 0

    begun = time.monotonic()
    await until(is_sent)
    for task in working:
        task.cancel()
    await asyncio.wait(working)
    assert time.monotonic() - begun < 8, "fifteen pauses take fifteen seconds"


async def over(store: Store, outcome: Outcome, *, tell: bool) -> NewRecord:
    """A call that has ended."""
    new = new_record(TOOLS["charge"], {"amount": 1}, seconds=1000)
    token = f"of {new.key}"
    await store.claim(new, token=token, holder="gone", lease_ms=LEASE_MS)
    await store.finish(token, outcome, progress=None, tell=tell, holder="gone", lease_ms=0)
    return new


async def late(store: Store) -> NewRecord:
    """A waiting job past its deadline."""
    new = new_record(TOOLS["build"], seconds=-1)
    await store.accept(new, holder="gone", lease_ms=LEASE_MS)
    return new


a_backlog: dict[str, Callable[[Store], Awaitable[NewRecord]]] = {
    "old": lambda store: over(store, Outcome(Status.DONE, "1"), tell=False),
    "late": late,
    "lost": lambda store: lost(store, "charge"),
}
