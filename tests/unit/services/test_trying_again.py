"""Which end of a run invites another one: judged by the exception itself, and by the tool's own word."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.waiting import wait_until
from toolwire.contracts.errors import Code, ToolError
from toolwire.contracts.history import Why
from toolwire.services import Fail, JobContext, Retry, Service
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.endings import Again, Ended
from toolwire.services.running.execute import execute
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Cause

LONG, SHORT = 30.0, 0.02
PRIVATE = "password=hunter2"


class OurOwn(ConnectionError):
    """Of a class that was named."""


@pytest.fixture
def threads() -> ToolThreads:
    return ToolThreads(limit=2)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a thread waits at; it is opened in the end."""
    gate = threading.Event()
    yield gate
    gate.set()


def job(function: Callable[..., Any], **options: Any) -> ToolSpec:
    service = Service("server-1")
    service.job(name="tried", max_attempts=3, **options)(function)
    return service.tools["tried"]


def context() -> JobContext[None]:
    return JobContext(
        state=None,
        client_id="client-1",
        request_id="request-1",
        tool="tried",
        deadline_ms=0,
        job_id="job-1",
        report=lambda _: None,
    )


async def run(spec: ToolSpec, threads: ToolThreads, *, seconds: float = LONG) -> Ended:
    return await execute(Prepared(spec, (), {}), (context(),), seconds_left=seconds, threads=threads)


def raising(error: BaseException) -> Callable[..., Any]:
    async def tool(ctx: JobContext[None]) -> None:
        raise error

    return tool


def raising_in_thread(error: BaseException) -> Callable[..., Any]:
    def tool(ctx: JobContext[None]) -> None:
        raise error

    return tool


async def hangs(ctx: JobContext[None]) -> None:
    await asyncio.Event().wait()


# --- exceptions ---


@pytest.mark.parametrize("make", [raising, raising_in_thread])
@pytest.mark.parametrize(
    ("error", "retry_on", "again"),
    [
        (ValueError(PRIVATE), (Exception,), True),
        (ConnectionError(PRIVATE), (ConnectionError, KeyError), True),
        (OurOwn(PRIVATE), (ConnectionError, KeyError), True),
        (ValueError(PRIVATE), (ConnectionError, KeyError), False),
        (ValueError(PRIVATE), (), False),
        (SystemExit(PRIVATE), (Exception,), False),
        (asyncio.CancelledError(PRIVATE), (Exception,), False),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_exception_is_tried_again_where_the_tool_says_so(
    make: Callable[[BaseException], Callable[..., Any]],
    error: BaseException,
    retry_on: tuple[type[Exception], ...],
    again: bool,
    threads: ToolThreads,
) -> None:
    ended = await run(job(make(error), retry_on=retry_on), threads)
    assert ended.again == (Again() if again else None)
    assert ended.error is not None
    assert ended.error.code is Code.INTERNAL
    assert ended.cause == Cause(Why.BROKE, str((ended.error.data or {})["error_id"]))
    assert PRIVATE not in ended.error.model_dump_json()


@pytest.mark.parametrize("error", [ToolError("no", "Not today"), Fail("no", "Not today", {"a": 1})], ids=str)
async def test_the_tools_own_no_is_final(error: ToolError, threads: ToolThreads) -> None:
    ended = await run(job(raising(error)), threads)
    assert ended.error is not None
    assert (ended.error.code, ended.error.reason) == (Code.TOOL_ERROR, "no")
    assert ended.error.data == error.data
    assert (ended.again, ended.cause) == (None, None)


async def test_a_no_that_cannot_be_told_is_final_too(threads: ToolThreads) -> None:
    """It broke, but not in a way that another attempt would mend."""
    ended = await run(job(raising(Fail("no", data={"a": object()}))), threads)
    assert ended.error is not None
    assert (ended.error.code, ended.again) == (Code.INTERNAL, None)


async def test_a_result_against_the_contract_is_final(threads: ToolThreads) -> None:
    async def tool(ctx: JobContext[None]) -> int:
        wrong: Any = "seven"
        return wrong  # type: ignore[no-any-return]  # the point of it

    ended = await run(job(tool), threads)
    assert ended.error is not None
    assert (ended.error.code, ended.again) == (Code.RESULT_INVALID, None)
    assert ended.cause == Cause(Why.BROKE, str((ended.error.data or {})["error_id"]))


# --- the tool asks for it ---


@pytest.mark.parametrize("make", [raising, raising_in_thread])
@pytest.mark.parametrize("after", [None, 0, 2.5])
async def test_whoever_asks_to_be_tried_again_is(
    make: Callable[[BaseException], Callable[..., Any]], after: float | None, threads: ToolThreads
) -> None:
    """Whatever `retry_on` says; the error counts where no attempt is left."""
    ended = await run(job(make(Retry(after, "the oven is cold")), retry_on=()), threads)
    assert (ended.again, ended.cause) == (Again(after), Cause(Why.RETRY_ASKED))
    assert ended.error is not None
    assert (ended.error.code, ended.error.reason) == (Code.TOOL_ERROR, "retries_exhausted")
    assert (ended.error.message, ended.error.retryable) == ("the oven is cold", False)


async def test_it_need_not_say_why(threads: ToolThreads) -> None:
    ended = await run(job(raising(Retry())), threads)
    assert ended.error is not None
    assert "asks for another attempt" in ended.error.message


async def test_a_reason_that_cannot_be_told_is_kept_back(threads: ToolThreads) -> None:
    ended = await run(job(raising(Retry(1, "\ud800"))), threads)
    assert ended.error is not None
    assert (ended.error.code, ended.again) == (Code.INTERNAL, Again(1))


async def test_a_tool_is_never_tried_again(threads: ToolThreads) -> None:
    """There is nobody to wait so long: it ends with its own word."""
    service = Service("server-1")

    @service.tool(read_only=True)
    async def look() -> None:
        raise Retry(after=1, message="later")

    prepared = Prepared(service.tools["look"], (), {})
    ended = await execute(prepared, (), seconds_left=LONG, threads=threads)
    assert ended.error is not None
    assert (ended.error.reason, ended.error.message) == ("retries_exhausted", "later")


# --- its own limit ---


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("retry_on", "again"),
    [((Exception,), True), ((TimeoutError,), True), ((OSError,), True), ((KeyError,), False), ((), False)],
    ids=str,
)
async def test_a_tool_over_its_limit_timed_out(
    retry_on: tuple[type[Exception], ...], again: bool, threads: ToolThreads
) -> None:
    ended = await run(job(hangs, retry_on=retry_on, time_limit=SHORT), threads)
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == (Code.TIME_LIMIT_EXCEEDED, False)
    assert ended.error.message == "the tool took longer than its own limit of 0.02 seconds"
    assert (ended.again, ended.cause) == (Again() if again else None, Cause(Why.TIME_LIMIT))


async def test_a_thread_over_its_limit_is_not_waited_for(gate: threading.Event, threads: ToolThreads) -> None:
    def tool(ctx: JobContext[None]) -> None:
        gate.wait(LONG)

    ended = await run(job(tool, time_limit=SHORT), threads)
    assert ended.error is not None
    assert ended.error.code is Code.TIME_LIMIT_EXCEEDED
    await wait_until(lambda: threads.abandoned == 1, LONG, "it is counted")


@pytest.mark.promise("P7")
@pytest.mark.parametrize("limit", [LONG, SHORT])
async def test_the_callers_deadline_comes_first_where_it_is_nearer(
    limit: float, threads: ToolThreads
) -> None:
    ended = await run(job(hangs, time_limit=limit), threads, seconds=SHORT)
    assert ended.error is not None
    assert (ended.error.code, ended.again) == (Code.DEADLINE_EXCEEDED, None)
    assert ended.cause == Cause(Why.DEADLINE)


async def test_a_tool_in_time_never_hears_of_its_limit(threads: ToolThreads) -> None:
    async def tool(ctx: JobContext[None]) -> int:
        return 7

    assert await run(job(tool, time_limit=LONG), threads) == Ended("7")


@pytest.mark.parametrize("seconds", [LONG, SHORT], ids=["limit", "deadline"])
async def test_an_error_made_of_the_end_is_not_the_tools(seconds: float, threads: ToolThreads) -> None:
    async def tool(ctx: JobContext[None]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError(PRIVATE) from None

    ended = await run(job(tool, time_limit=2 * SHORT), threads, seconds=seconds)
    assert ended.error is not None
    assert ended.error.code is (Code.TIME_LIMIT_EXCEEDED if seconds == LONG else Code.DEADLINE_EXCEEDED)


@pytest.mark.parametrize(("seconds", "again"), [(LONG, Again(1)), (SHORT, None)], ids=["limit", "deadline"])
async def test_a_wish_for_another_attempt_counts_unless_the_time_is_up(
    seconds: float, again: Again | None, threads: ToolThreads
) -> None:
    async def tool(ctx: JobContext[None]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Retry(after=1) from None

    ended = await run(job(tool, time_limit=2 * SHORT), threads, seconds=seconds)
    assert ended.again == again
    assert ended.error is not None
    assert ended.error.code is (Code.TOOL_ERROR if again else Code.DEADLINE_EXCEEDED)


async def test_a_timeout_of_its_own_is_an_exception_like_others(threads: ToolThreads) -> None:
    ended = await run(job(raising(TimeoutError(PRIVATE)), retry_on=(TimeoutError,), time_limit=LONG), threads)
    assert ended.error is not None
    assert (ended.error.code, ended.again) == (Code.INTERNAL, Again())


def in_groups(error: Exception) -> Callable[..., Any]:
    """A tool whose task raises, in a task group in a task group."""

    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())

    async def fails() -> None:
        raise error

    async def tool(ctx: JobContext[None]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())

    return tool


async def test_what_is_alone_in_its_task_group_counts_as_itself(threads: ToolThreads) -> None:
    final = await run(job(in_groups(Fail("no_such_scene", "There is none"))), threads)
    assert final.error is not None
    assert (final.error.reason, final.again) == ("no_such_scene", None)
    asked = await run(job(in_groups(Retry(after=7)), retry_on=(OurOwn,)), threads)
    assert asked.again == Again(7)
    named = await run(job(in_groups(OurOwn(PRIVATE)), retry_on=(ConnectionError,)), threads)
    assert named.again == Again()
    other = await run(job(in_groups(KeyError(PRIVATE)), retry_on=(ConnectionError,)), threads)
    assert other.again is None


async def test_of_several_errors_in_a_group_none_counts_for_all(threads: ToolThreads) -> None:
    async def tool(ctx: JobContext[None]) -> None:
        raise ExceptionGroup("two", [OurOwn(), KeyError()])

    ended = await run(job(tool, retry_on=(ConnectionError,)), threads)
    assert ended.again is None
    assert (await run(job(tool), threads)).again == Again()
