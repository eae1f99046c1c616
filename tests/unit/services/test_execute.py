"""Whatever a tool does, it ends as an outcome that may be told."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any, cast

import pytest
from pydantic import AfterValidator, BaseModel, Field, JsonValue

from tests.waiting import wait_until
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.sealing import MAX_RESULT_BYTES
from toolwire.services import Service, ToolContext, ToolError
from toolwire.services.declaring.tools import Declaration, Manners
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.coded_errors import cancelled
from toolwire.services.running.endings import Ended
from toolwire.services.running.execute import Refusal, execute
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import StoreAway

LONG = 30.0
PRIVATE = "password=hunter2"


@pytest.fixture
def threads() -> ToolThreads:
    return ToolThreads(limit=2)


def prepared(function: Callable[..., Any], *, builtin: bool = False, **kwargs: Any) -> Prepared:
    """The function as a tool with arguments."""
    declaration = Declaration(name="tried", manners=Manners(read_only=True))
    return Prepared(declaration.spec(function, "tool", builtin=builtin), (), kwargs)


async def run(
    function: Callable[..., Any], threads: ToolThreads, *, seconds: float = LONG, **kwargs: Any
) -> Ended:
    return await execute(prepared(function, **kwargs), (), seconds_left=seconds, threads=threads)


def error_of(ended: Ended) -> WireError:
    assert ended.result is None
    assert ended.error is not None
    return ended.error


class Total(BaseModel):
    count: int
    total: Annotated[float, Field(alias="sum", allow_inf_nan=False)]


# --- a result ---


async def test_an_async_tool_runs_on_the_loop(threads: ToolThreads) -> None:
    async def tool() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    assert await run(tool, threads) == Ended(str(threading.get_ident()))


async def test_a_sync_tool_runs_off_the_loop(threads: ToolThreads) -> None:
    def tool() -> list[str]:
        return [threading.current_thread().name]

    ended = await run(tool, threads)
    assert ended.result is not None
    assert ended.result.startswith('["tool-')


async def test_a_sync_tool_does_not_hold_up_the_loop(threads: ToolThreads) -> None:
    gate = threading.Event()

    def tool() -> bool:
        return gate.wait(LONG)

    running = asyncio.create_task(run(tool, threads))
    asyncio.get_running_loop().call_later(0.01, gate.set)
    assert await running == Ended("true")


@pytest.mark.parametrize("name", ["in_thread", "on_loop"])
async def test_context_and_arguments_reach_the_tool(threads: ToolThreads, name: str) -> None:
    service = Service("server-1")

    @service.tool(context=True, name="on_loop")
    async def _(ctx: ToolContext[None], word: str, times: int = 2) -> str:
        return f"{ctx.client_id} {word * times}"

    @service.tool(context=True, name="in_thread")
    def _(ctx: ToolContext[None], word: str, times: int = 2) -> str:
        return f"{ctx.client_id} {word * times}"

    spec = service.tools[name]
    args, kwargs = spec.signature.decode({"word": "ab"})
    ctx = ToolContext(state=None, client_id="me", request_id="request-1", tool="tried", deadline_ms=0)
    ended = await execute(Prepared(spec, args, kwargs), (ctx,), seconds_left=LONG, threads=threads)
    assert ended == Ended('"me abab"')


async def test_a_result_is_canonical_json_under_the_names_that_its_schema_promises(
    threads: ToolThreads,
) -> None:
    def tool() -> Total:
        return Total.model_validate({"count": 1, "sum": 2})

    assert await run(tool, threads) == Ended('{"count":1,"sum":2.0}')


async def test_none_is_a_result(threads: ToolThreads) -> None:
    async def tool() -> None:
        return None

    assert await run(tool, threads) == Ended("null")


# --- a result that breaks the contract ---


def broken_validator(value: int) -> int:
    raise KeyError(PRIVATE)


def nested(depth: int) -> Any:
    return [] if depth == 1 else [nested(depth - 1)]


@pytest.mark.parametrize(
    ("returns", "value"),
    [
        (int, "7"),
        (int, True),
        (Total, {"count": 1}),
        (float, float("nan")),
        (float, float("inf")),
        (JsonValue, float("nan")),
        (Any, object()),
        (Any, b"\xff"),
        (Any, "\ud800"),
        (Any, 10**400),
        (Any, nested(161)),
        (Annotated[int, AfterValidator(broken_validator)], 7),
        (str, PRIVATE.encode()),
    ],
)
async def test_a_result_that_breaks_its_own_contract(
    returns: Any, value: Any, threads: ToolThreads, caplog: pytest.LogCaptureFixture
) -> None:
    async def tool() -> Any:
        return value

    tool.__annotations__["return"] = returns
    error = error_of(await run(tool, threads))
    assert (error.code, error.retryable) == (Code.RESULT_INVALID, False)
    assert PRIVATE not in error.model_dump_json()
    assert error.data is not None
    assert str(error.data["error_id"]) in caplog.text


async def test_a_wrong_result_stays_out_of_the_log(
    threads: ToolThreads, caplog: pytest.LogCaptureFixture
) -> None:
    async def tool() -> int:
        return cast("int", PRIVATE)

    error_of(await run(tool, threads))
    assert "Input should be a valid integer" in caplog.text
    assert PRIVATE not in caplog.text


@pytest.mark.parametrize(("size", "fits"), [(MAX_RESULT_BYTES - 2, True), (MAX_RESULT_BYTES - 1, False)])
async def test_a_result_must_fit_a_message(size: int, fits: bool, threads: ToolThreads) -> None:
    async def tool() -> str:
        return "x" * size

    ended = await run(tool, threads)
    if fits:
        assert ended.error is None
    else:
        assert error_of(ended).code is Code.RESULT_TOO_LARGE


async def test_size_is_counted_in_bytes(threads: ToolThreads) -> None:
    async def tool() -> str:
        return "€" * (MAX_RESULT_BYTES // 2)

    assert error_of(await run(tool, threads)).code is Code.RESULT_TOO_LARGE


@pytest.mark.promise("P7")
async def test_a_poll_can_tell_any_result_that_a_job_could_record(threads: ToolThreads) -> None:
    """A snapshot with the largest result is a little larger than the largest result."""

    async def tool() -> str:
        return "x" * MAX_RESULT_BYTES

    ended = await execute(prepared(tool, builtin=True), (), seconds_left=LONG, threads=threads)
    assert ended.error is None


# --- what a tool raises ---


async def test_a_tool_error_is_told_as_it_is(threads: ToolThreads) -> None:
    async def tool() -> int:
        raise ToolError("card_declined", "Card was declined", {"code": 51, "tries": [1, 2]})

    assert error_of(await run(tool, threads)) == WireError(
        code=Code.TOOL_ERROR,
        message="Card was declined",
        retryable=False,
        reason="card_declined",
        data={"code": 51, "tries": [1, 2]},
    )


async def test_a_tool_error_needs_no_more_than_a_reason(threads: ToolThreads) -> None:
    def tool() -> int:
        raise ToolError("no")

    error = error_of(await run(tool, threads))
    assert (error.reason, error.message, error.data) == ("no", "no", None)


@pytest.mark.parametrize(
    "data",
    [{"a": object()}, {"a": float("nan")}, {1: "a"}, {"a": "\ud800"}, {"a": nested(161)}, {"a": 10**400}],
)
async def test_a_tool_error_whose_data_is_not_json_is_a_broken_tool(
    data: dict[Any, Any], threads: ToolThreads
) -> None:
    async def tool() -> int:
        raise ToolError("reason", PRIVATE, data)

    error = error_of(await run(tool, threads))
    assert (error.code, error.reason) == (Code.INTERNAL, None)
    assert PRIVATE not in error.model_dump_json()


async def test_the_data_of_a_tool_error_must_fit_a_message(threads: ToolThreads) -> None:
    async def tool() -> int:
        raise ToolError("reason", "message", {"a": "x" * MAX_RESULT_BYTES})

    assert error_of(await run(tool, threads)).code is Code.RESULT_TOO_LARGE


class OnlyBase(BaseException):
    """Not an `Exception`: what frameworks raise to get past `except Exception`."""


async def cancels_itself() -> int:
    raise asyncio.CancelledError(PRIVATE)


async def awaits_what_was_cancelled() -> int:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    future.cancel(PRIVATE)
    return await future


def raising(error: BaseException) -> Callable[[], int]:
    def tool() -> int:
        raise error

    return tool


def raising_async(error: BaseException) -> Callable[[], Any]:
    async def tool() -> int:
        raise error

    return tool


BREAKS: list[Callable[[], BaseException]] = [
    lambda: ValueError(PRIVATE),
    lambda: SystemExit(PRIVATE),
    lambda: TimeoutError(PRIVATE),
    lambda: asyncio.CancelledError(PRIVATE),
    lambda: StopIteration(PRIVATE),
    lambda: StopAsyncIteration(PRIVATE),
    lambda: OnlyBase(PRIVATE),
    lambda: BaseExceptionGroup(PRIVATE, [OnlyBase(PRIVATE)]),
    lambda: StoreAway(PRIVATE),
]


@pytest.mark.promise("P9")
@pytest.mark.parametrize("make", [raising, raising_async])
@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error()).__name__)
async def test_what_a_broken_tool_says_stays_here(
    make: Callable[[BaseException], Callable[[], Any]],
    error: Callable[[], BaseException],
    threads: ToolThreads,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The caller gets an opaque id, and with the id the operator finds the exception in the log."""
    async with asyncio.timeout(LONG):
        told = error_of(await run(make(error()), threads))
    assert (told.code, told.retryable) == (Code.INTERNAL, False)
    assert PRIVATE not in told.model_dump_json()
    assert type(error()).__name__ not in told.model_dump_json()
    assert told.data is not None
    [record] = [record for record in caplog.records if str(told.data["error_id"]) in record.getMessage()]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert PRIVATE in caplog.text


@pytest.mark.promise("P9")
@pytest.mark.parametrize("tool", [cancels_itself, awaits_what_was_cancelled])
async def test_a_tool_that_cancels_itself_is_a_broken_tool(
    tool: Callable[[], Any], threads: ToolThreads
) -> None:
    assert error_of(await run(tool, threads)).code is Code.INTERNAL


async def test_a_keyboard_interrupt_is_not_the_tools(threads: ToolThreads) -> None:
    with pytest.raises(GeneratorExit):
        await run(raising_async(GeneratorExit()), threads)


async def test_a_refusal_of_a_built_in_tool_is_the_answer(threads: ToolThreads) -> None:
    async def tool() -> int:
        raise Refusal(cancelled())

    assert error_of(await run(tool, threads, builtin=True)) == cancelled()


async def test_a_built_in_tool_lets_the_request_wait_for_the_store(threads: ToolThreads) -> None:
    """`calls` tries again, and answers `unavailable` in the end."""

    async def tool() -> int:
        raise StoreAway("away")

    with pytest.raises(StoreAway):
        await run(tool, threads, builtin=True)


# --- the deadline ---


@pytest.mark.parametrize("seconds", [0, -0.001, -1000])
async def test_after_the_deadline_the_tool_never_starts(seconds: float, threads: ToolThreads) -> None:
    started: list[str] = []

    async def tool() -> int:
        started.append("yes")
        return 1

    assert error_of(await run(tool, threads, seconds=seconds)).code is Code.DEADLINE_EXCEEDED
    assert started == []


async def test_the_deadline_ends_an_async_tool(threads: ToolThreads) -> None:
    cleaned: list[str] = []

    async def tool() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")
        return 1

    error = error_of(await run(tool, threads, seconds=0.02))
    assert (error.code, error.retryable) == (Code.DEADLINE_EXCEEDED, False)
    assert cleaned == ["up"]


async def test_the_deadline_does_not_wait_for_a_sync_tool(threads: ToolThreads) -> None:
    gate = threading.Event()

    def tool() -> bool:
        return gate.wait(LONG)

    try:
        assert error_of(await run(tool, threads, seconds=0.02)).code is Code.DEADLINE_EXCEEDED
    finally:
        gate.set()


async def test_sync_tools_that_never_come_back_hold_up_no_other(threads: ToolThreads) -> None:
    """Each call has a thread of its own; those that were given up on are counted until they end."""
    gate = threading.Event()

    def hanging() -> bool:
        return gate.wait(LONG)

    def quick() -> int:
        return 7

    try:
        for given_up in range(threads.limit):
            assert not threads.full, given_up
            assert error_of(await run(hanging, threads, seconds=0.02)).code is Code.DEADLINE_EXCEEDED
        await wait_until(lambda: threads.full, 5, "they are counted")
        assert await run(quick, threads) == Ended("7")
    finally:
        gate.set()
    await wait_until(lambda: not threads.full, 5, "they have ended")


async def test_a_tool_that_turns_its_deadline_into_another_error_was_out_of_time(
    threads: ToolThreads,
) -> None:
    async def tool() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError(PRIVATE) from None
        return 1

    assert error_of(await run(tool, threads, seconds=0.02)).code is Code.DEADLINE_EXCEEDED


async def test_a_timeout_within_the_tool_is_its_own(threads: ToolThreads) -> None:
    async def tool() -> int:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
        return 1

    assert error_of(await run(tool, threads)).code is Code.INTERNAL


# --- cancelled from outside ---


@pytest.mark.parametrize("seconds", [LONG, 0.02])
async def test_a_cancellation_from_outside_passes_through(threads: ToolThreads, seconds: float) -> None:
    started = asyncio.Event()

    async def tool() -> int:
        started.set()
        await asyncio.Event().wait()
        return 1

    running = asyncio.create_task(run(tool, threads, seconds=seconds))
    await started.wait()
    if seconds < LONG:
        time.sleep(2 * seconds)  # noqa: ASYNC251 - so that the deadline and the cancellation come at once
    running.cancel("reason")
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_cancelled_sync_tool_is_left_to_its_thread(threads: ToolThreads) -> None:
    gate, started, ended = threading.Event(), threading.Event(), list[str]()

    def tool() -> int:
        started.set()
        gate.wait(LONG)
        ended.append("yes")
        return 1

    running = asyncio.create_task(run(tool, threads))
    await wait_until(started.is_set, 5, "the tool runs")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == []
    gate.set()
    await wait_until(lambda: ended, 5, "the thread ends")
