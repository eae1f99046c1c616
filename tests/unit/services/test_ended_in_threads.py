"""A sync tool learns that its attempt was ended, whatever for; one that looks leaves no thread behind."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from tests.unit.services.given import CLIENT
from tests.unit.services.tried import begin, call, found, job, tell
from tests.waiting import wait_until
from toolwire.contracts.jobs import Status
from toolwire.services import AttemptEnded, JobContext, ToolContext
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.execute import execute
from toolwire.services.running.leases import Ending
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Changed, Store

SOON = 10.0
SHORT = 0.05


class Looking:
    """A tool in a thread that looks whether it was ended, again and again."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.told: list[str] = []
        self.threads: list[threading.Thread] = []

    def checks(self, ctx: ToolContext[None]) -> int:
        self._starts()
        try:
            while True:
                ctx.check()
                threading.Event().wait(0.001)
        except AttemptEnded as ended:
            assert ctx.cancelled
            self.told.append(ended.reason)
            raise

    def asks(self, ctx: JobContext[None]) -> int:
        self._starts()
        while not ctx.cancelled:
            threading.Event().wait(0.001)
        self.told.append("asked")
        return 7

    def swallows(self, ctx: JobContext[None]) -> int:
        """It catches what it can name, as tools do."""
        self._starts()
        while True:
            try:
                ctx.check()
            except Exception:  # noqa: BLE001 - what the test is about
                self.told.append("swallowed")
            threading.Event().wait(0.001)

    def _starts(self) -> None:
        self.threads.append(threading.current_thread())
        self.started.set()

    async def is_over(self) -> None:
        """The thread itself has ended."""
        await wait_until(
            lambda: not any(thread.is_alive() for thread in self.threads), SOON, "the thread ends"
        )


def of_a_job() -> JobContext[None]:
    return JobContext(
        state=None,
        client_id=CLIENT,
        request_id="request-1",
        tool="tried",
        deadline_ms=0,
        job_id="job-1",
        report=lambda _: None,
    )


@pytest.fixture
def looking() -> Looking:
    return Looking()


def checking(looking: Looking) -> Callable[[JobContext[None]], int]:
    def tool(ctx: JobContext[None]) -> int:
        return looking.checks(ctx)

    return tool


async def ended_by(
    attempts: Attempts, store: Store, looking: Looking, spec: ToolSpec, ending: Ending
) -> Changed | None:
    record, prepared = await begin(store, spec)
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await wait_until(looking.started.is_set, SOON, "the tool runs")
    attempts.leases.end_all(ending)
    return await asyncio.wait_for(running, SOON)


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("ending", "status"),
    [(Ending.CANCELLED, Status.CANCELLED), (Ending.DRAINING, Status.ACCEPTED), (Ending.FENCED, None)],
)
async def test_a_job_that_checks_ends_within_its_next_check(
    attempts: Attempts, store: Store, looking: Looking, ending: Ending, status: Status | None
) -> None:
    spec = job(checking(looking), max_attempts=2)
    changed = await ended_by(attempts, store, looking, spec, ending)
    assert (None if changed is None else changed.record.status) is status
    await looking.is_over()
    assert looking.told == [ending.value]
    assert attempts.threads.abandoned == 0


async def test_a_job_that_asks_may_end_as_it_likes(
    attempts: Attempts, store: Store, looking: Looking
) -> None:
    """What it gives then counts for nothing."""
    changed = await ended_by(attempts, store, looking, job(looking.asks), Ending.CANCELLED)
    assert changed is not None
    await looking.is_over()
    assert looking.told == ["asked"]
    assert await found(store, changed.record) == changed.record
    assert changed.record.status is Status.CANCELLED


async def test_catching_exceptions_does_not_catch_the_end(
    attempts: Attempts, store: Store, looking: Looking
) -> None:
    await ended_by(attempts, store, looking, job(looking.swallows), Ending.CANCELLED)
    await looking.is_over()
    assert looking.told == []


ENDS = pytest.mark.parametrize(
    ("limit", "seconds", "reason"), [(SHORT, 60, "over_limit"), (None, SHORT, "out_of_time")], ids=str
)


@ENDS
async def test_a_job_whose_time_is_up_hears_of_it(
    threads: ToolThreads, looking: Looking, limit: float | None, seconds: float, reason: str
) -> None:
    prepared = Prepared(job(checking(looking), time_limit=limit), (), {})
    ended = await execute(prepared, (of_a_job(),), seconds_left=seconds, threads=threads)
    assert ended.error is not None
    await wait_until(lambda: looking.told, SOON, "the tool has seen it")
    await looking.is_over()
    assert looking.told == [reason]
    await wait_until(lambda: threads.abandoned == 0, SOON, "nobody is given up on any more")


async def test_a_replica_that_waits_no_longer_ends_what_looks(
    attempts: Attempts, store: Store, looking: Looking
) -> None:
    record, prepared = await begin(store, job(checking(looking)))
    running = asyncio.create_task(attempts.run(record, prepared, tell=tell))
    await wait_until(looking.started.is_set, SOON, "the tool runs")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await looking.is_over()
    assert looking.told == ["draining"]


async def test_a_tool_with_its_context_hears_of_it_as_well(threads: ToolThreads, looking: Looking) -> None:
    def tool(ctx: ToolContext[None]) -> int:
        return looking.checks(ctx)

    prepared = Prepared(call(tool, context=True, read_only=True, time_limit=SHORT), (), {})
    ctx = ToolContext(state=None, client_id=CLIENT, request_id="r", tool="tried", deadline_ms=0)
    await execute(prepared, (ctx,), seconds_left=60, threads=threads)
    await wait_until(lambda: looking.told == ["over_limit"], SOON, "the tool has seen it")


@ENDS
async def test_an_async_tool_is_told_the_reason_by_its_cancellation(
    threads: ToolThreads, limit: float | None, seconds: float, reason: str
) -> None:
    told: list[str] = []

    async def tool(ctx: JobContext[None]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            told.append(str(error))
            raise

    prepared = Prepared(job(tool, time_limit=limit), (), {})
    await execute(prepared, (of_a_job(),), seconds_left=seconds, threads=threads)
    assert told == [reason]


async def test_a_thread_that_an_async_tool_started_hears_of_it(
    attempts: Attempts, store: Store, looking: Looking
) -> None:
    async def tool(ctx: JobContext[None]) -> int:
        return await asyncio.to_thread(looking.asks, ctx)

    changed = await ended_by(attempts, store, looking, job(tool), Ending.CANCELLED)
    assert changed is not None
    await wait_until(lambda: looking.told == ["asked"], SOON, "the thread has seen it")


def test_whoever_tests_a_tool_may_end_it(looking: Looking) -> None:
    ctx = of_a_job()
    assert not ctx.cancelled
    ctx.check()
    ctx.end.set("cancelled")
    ctx.end.set("fenced")
    assert ctx.cancelled
    with pytest.raises(AttemptEnded, match="cancelled") as ended:
        looking.checks(ctx)
    assert (ended.value.reason, isinstance(ended.value, Exception)) == ("cancelled", False)
