"""Take and run: the job slots of a replica."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import event

from tests.unit.services.given import HOLDER, LEASE_MS, SERVER, new_record, until
from tests.unit.services.lossy import Lossy
from tests.waiting import wait_until
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import Status
from toolwire.services import JobContext, Service, ToolContext
from toolwire.services.requests.seals import Seals
from toolwire.services.running import runner as runner_module
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.leases import Ending, Leases
from toolwire.services.running.runner import Runner
from toolwire.services.running.tasks import Tasks
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store import sqlite
from toolwire.services.store.port import Changed, NewRecord, Record, Store
from toolwire.services.store.sql import SqlStore
from toolwire.services.telemetry.signals import Signals
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post

SOON = 5.0
TOKEN = "token-1"


@dataclass
class Bench:
    """A runner at work, and tools that wait at a gate."""

    store: Store
    attempts: Attempts
    post: Post
    slots: int = 2
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    started: list[int] = field(default_factory=list[int])
    tasks: Tasks = field(default_factory=Tasks)

    def __post_init__(self) -> None:
        self.service = Service("server-1")

        @self.service.job(max_attempts=2)
        async def build(ctx: JobContext[None], part: int) -> int:
            self.started.append(part)
            await self.gate.wait()
            return part

        @self.service.tool(idempotent=True, context=True)
        async def put(ctx: ToolContext[None]) -> int:
            return ctx.attempt

        @self.service.tool(read_only=True)
        async def look() -> int:
            return 1

        self.runner = Runner(self.attempts, self.service.tools, self.tasks, self.post, self.slots)

    def work(self) -> None:
        self.working = asyncio.create_task(self.runner.work())

    async def stop(self) -> None:
        self.gate.set()
        self.working.cancel()
        await asyncio.wait({self.working})
        await self.tasks.cancel()

    def job(self, part: int) -> NewRecord:
        return new_record(self.service.tools["build"], {"part": part})

    async def accept(self, part: int) -> NewRecord:
        new = self.job(part)
        await self.store.accept(new, holder=HOLDER, lease_ms=LEASE_MS)
        return new

    async def ended(self, new: NewRecord) -> Record:
        found: list[Record] = []

        async def is_over() -> bool:
            record = await self.store.find(new.key)
            if record is not None and record.status.final:
                found.append(record)
            return bool(found)

        await until(is_over)
        return found[0]


@pytest_asyncio.fixture
async def bench(store: Store, attempts: Attempts, post: Post) -> AsyncIterator[Bench]:
    bench = Bench(store, attempts, post)
    bench.work()
    yield bench
    await bench.stop()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a runner that is not woken never look again within this test."""
    monkeypatch.setattr(runner_module, "LOOK_S", 600.0)


async def test_a_job_that_waits_is_taken_and_run(bench: Bench) -> None:
    bench.gate.set()
    new = await bench.accept(1)
    bench.runner.wake()
    record = await bench.ended(new)
    assert (record.status, record.result, record.attempt) == (Status.DONE, "1", 1)


@pytest.mark.usefixtures("patient")
async def test_no_wake_up_is_lost(bench: Bench) -> None:
    """Whenever the hint comes: while the runner rests, while it looks, or while it takes another one."""
    bench.gate.set()
    for part in range(100):
        new = bench.job(part)
        accepting = asyncio.create_task(bench.store.accept(new, holder=HOLDER, lease_ms=LEASE_MS))
        for _ in range(part % 7):
            bench.runner.wake()
            await asyncio.sleep(0)
        await accepting
        bench.runner.offer()
        assert (await bench.ended(new)).status is Status.DONE


async def test_without_a_hint_it_looks_by_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "LOOK_S", 0.02)
    bench.runner.wake()
    bench.gate.set()
    assert (await bench.ended(await bench.accept(1))).status is Status.DONE


@pytest.mark.usefixtures("patient")
async def test_what_falls_due_soon_is_taken_then(bench: Bench) -> None:
    """A short delay, as before another attempt, is not rounded up to the next look."""
    bench.gate.set()
    new = replace(bench.job(1), run_at_ms=round(time.time() * 1000) + 100)
    accepted = await bench.store.accept(new, holder=HOLDER, lease_ms=LEASE_MS)
    assert isinstance(accepted, Changed)
    bench.runner.expect(accepted.record)
    record = await bench.ended(new)
    assert record.status is Status.DONE
    assert record.started_ms is not None
    assert record.started_ms >= record.due_ms


@pytest.mark.usefixtures("patient")
async def test_no_more_jobs_than_slots_run_and_a_free_slot_is_filled_at_once(bench: Bench) -> None:
    news = [await bench.accept(part) for part in range(4)]
    bench.runner.offer()
    await wait_until(lambda: len(bench.started) == 2, SOON, "both slots are filled")
    assert await bench.store.running(HOLDER) == 2
    bench.gate.set()
    assert [(await bench.ended(new)).status for new in news] == [Status.DONE] * 4
    assert sorted(bench.started) == [0, 1, 2, 3]


@pytest.mark.usefixtures("patient")
async def test_work_that_finds_no_slot_is_offered_to_others(bench: Bench) -> None:
    for part in range(3):
        await bench.accept(part)
    bench.runner.offer()
    await wait_until(lambda: len(bench.started) == 2, SOON, "both slots are filled")
    await wait_until(lambda: len(bench.tasks) == 2, SOON, "nothing else is under way")
    for _ in range(100):
        bench.runner.offer()
    assert len(bench.tasks) == 3, "the third is the hint, which waits for the broker and says it for all"


@pytest.mark.usefixtures("patient")
async def test_all_free_slots_are_filled_at_the_same_time(
    attempts: Attempts, post: Post, tmp_path: Path
) -> None:
    """Otherwise each take would be a transaction of its own, and a backlog drain one by one."""
    path = tmp_path / "store.sqlite3"
    sqlite.create_file(path)
    engine = sqlite.engine_for(path)
    commits: list[object] = []
    async with SqlStore(engine, SERVER) as store:
        bench = Bench(store, replace(attempts, store=store, leases=Leases(store, LEASE_MS)), post, slots=16)
        news = [await bench.accept(part) for part in range(64)]
        event.listen(engine, "commit", commits.append)
        bench.gate.set()
        bench.work()
        await wait_until(lambda: len(bench.started) == len(news), SOON, "all have been taken")
        taken_in = len(commits)
        await bench.stop()
    assert taken_in < len(news)


async def test_a_call_whose_replica_was_lost_runs_again_here(bench: Bench) -> None:
    new = new_record(bench.service.tools["put"])
    await bench.store.claim(new, token=TOKEN, holder="gone", lease_ms=LEASE_MS)
    await bench.store.retry(TOKEN, delay_ms=0, holder="gone", lease_ms=LEASE_MS)
    bench.runner.wake()
    record = await bench.ended(new)
    assert (record.status, record.result) == (Status.DONE, "2")


async def test_a_tool_of_another_release_is_left_alone(bench: Bench) -> None:
    await bench.store.accept(
        new_record(bench.service.tools["build"], tool="gone"), holder=HOLDER, lease_ms=LEASE_MS
    )
    bench.gate.set()
    bench.runner.wake()
    await bench.ended(await bench.accept(1))
    assert bench.started == [1]


@pytest.mark.promise("P7")
async def test_arguments_that_no_longer_fit_end_the_job(bench: Bench) -> None:
    new = new_record(bench.service.tools["build"], {"piece": 1})
    await bench.store.accept(new, holder=HOLDER, lease_ms=LEASE_MS)
    bench.runner.wake()
    record = await bench.ended(new)
    assert record.status is Status.ERROR
    assert record.error is not None
    assert WireError.model_validate_json(record.error).code is Code.INVALID_ARGS


async def test_it_goes_on_when_the_store_is_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runner_module, "LOOK_S", 0.02)
    await bench.store.__aexit__()
    bench.runner.wake()
    await wait_until(lambda: "no job can be taken" in caplog.text, SOON, "it has tried")
    await bench.store.__aenter__()
    bench.gate.set()
    assert (await bench.ended(await bench.accept(1))).status is Status.DONE


# --- stopping ---


@pytest.mark.promise("P7")
@pytest.mark.parametrize("turns", range(6))
async def test_whoever_stops_it_in_the_middle_of_a_take_loses_nothing(
    store: Store, attempts: Attempts, post: Post, turns: int
) -> None:
    """What was taken is run by a task that a stopping replica waits for, or hands back."""
    bench = Bench(store, attempts, post)
    new = await bench.accept(1)
    bench.work()
    for _ in range(turns):
        await asyncio.sleep(0)
    bench.working.cancel()
    bench.gate.set()
    assert await bench.tasks.wait(SOON)
    record = await store.find(new.key)
    assert record is not None
    assert (record.status, record.token) in ((Status.DONE, None), (Status.ACCEPTED, None))


@pytest.mark.promise("P8")
async def test_a_job_that_is_handed_back_is_there_for_the_next_replica(
    store: Store, attempts: Attempts, post: Post
) -> None:
    bench = Bench(store, attempts, post)
    new = await bench.accept(1)
    bench.work()
    await wait_until(lambda: bench.started, SOON, "it runs")
    bench.working.cancel()
    attempts.leases.end_all(Ending.DRAINING)
    assert await bench.tasks.wait(SOON)

    successor = Bench(store, attempts, post)
    successor.gate.set()
    successor.work()
    record = await successor.ended(new)
    assert (record.status, record.attempt) == (Status.DONE, 2)
    await successor.stop()


@pytest.mark.promise("P10")
async def test_a_job_that_was_taken_over_is_left_to_its_new_holder(bench: Bench) -> None:
    new = await bench.accept(1)
    bench.runner.wake()
    await wait_until(lambda: bench.started, SOON, "it runs")
    bench.attempts.leases.end_all(Ending.FENCED)
    await wait_until(lambda: not len(bench.attempts.leases), SOON, "it has ended")
    record = await bench.store.find(new.key)
    assert record is not None
    assert record.status is Status.RUNNING


# --- takes of unknown outcome ---


@pytest_asyncio.fixture
async def lossy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lossy]:
    """A store that may be lost over a commit; whoever runs on it looks again soon."""
    monkeypatch.setattr(runner_module, "LOOK_S", 0.02)
    lossy = Lossy(tmp_path / "lossy.sqlite3")
    async with lossy.store:
        yield lossy


@pytest.fixture
def on_lossy(lossy: Lossy, threads: ToolThreads, post: Post, seals: Seals) -> Callable[[int], Bench]:
    """Make a runner with so many slots on that store."""

    def made(slots: int) -> Bench:
        outbox, leases = Outbox(lossy.store, post, seals), Leases(lossy.store, LEASE_MS)
        attempts = Attempts(lossy.store, outbox, leases, threads, None, HOLDER, SERVER, Signals())
        return Bench(lossy.store, attempts, post, slots)

    return made


@pytest.mark.promise("P4", "P7")
@pytest.mark.parametrize("committed", [True, False])
async def test_a_take_whose_commit_is_unknown_is_handed_back(
    committed: bool, lossy: Lossy, on_lossy: Callable[[int], Bench], caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise nobody would run it until its lease has run out, and one that may start once never at all."""
    bench = on_lossy(2)
    new = await bench.accept(1)
    lossy.lose(committed=committed)
    bench.gate.set()
    bench.work()
    lost = "whether a job was taken is not known"
    await wait_until(lambda: lost in caplog.text, SOON, "the commit is lost")
    record = await bench.ended(new)
    assert (record.status, record.attempt) == (Status.DONE, 2 if committed else 1)
    assert bench.started == [1]
    await bench.stop()


@pytest.mark.promise("P4", "P7")
@pytest.mark.parametrize("after", [2, 3])
async def test_takes_that_were_lost_together_are_all_handed_back(
    after: int, lossy: Lossy, on_lossy: Callable[[int], Bench], caplog: pytest.LogCaptureFixture
) -> None:
    """Several slots look at the same time, in one transaction."""
    bench = on_lossy(8)
    news = [await bench.accept(part) for part in range(8)]
    lossy.lose(committed=True, after=after)
    bench.work()
    await wait_until(lambda: len(bench.started) == len(news), SOON, "all run")
    bench.gate.set()
    assert {(await bench.ended(new)).status for new in news} == {Status.DONE}
    assert sorted(bench.started) == list(range(8))
    assert "whether a job was taken is not known" in caplog.text
    await bench.stop()
