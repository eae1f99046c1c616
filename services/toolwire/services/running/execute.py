"""Run a tool's function, and turn whatever happens into an outcome that may be told.

A tool's own `ToolError` reaches its caller. Any other exception is logged under an opaque id, and the caller
sees the id alone (promise: a peer never sees exception text).
"""

import asyncio
import contextvars
import functools
import logging
import secrets
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from toolwire.contracts.encoding import NotJson, sendable
from toolwire.contracts.errors import Code, ToolError, WireError
from toolwire.contracts.fields import field_errors
from toolwire.contracts.history import Why
from toolwire.contracts.sealing import MAX_RESULT_BYTES
from toolwire.services.asking.questions import question_in
from toolwire.services.declaring.retries import Retry, alone_in
from toolwire.services.declaring.run_policy import RetryOn
from toolwire.services.failpoints import reach
from toolwire.services.processes.crossing import BrokeInProcess, TooLarge, Written
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.coded_errors import RETRIES_EXHAUSTED, deadline_exceeded, time_limit_exceeded
from toolwire.services.running.context import ToolContext
from toolwire.services.running.endings import Again, Ended
from toolwire.services.running.leases import Ending
from toolwire.services.running.time_scope import Expiry, TimeScope
from toolwire.services.store.port import Cause, StoreAway

if TYPE_CHECKING:
    from toolwire.services.processes.processes import Processes

log = logging.getLogger("toolwire.services")


class Refusal(Exception):
    """Raised by a built-in tool: the coded error is the answer."""

    def __init__(self, error: WireError) -> None:
        super().__init__(error.code)
        self.error = error


async def execute(
    prepared: Prepared,
    context: tuple[ToolContext[Any], ...],
    *,
    seconds_left: float,
    threads: Executor,
    processes: "Processes | None" = None,
) -> Ended:
    """Run the tool until it ends, or its caller's deadline or its own limit ends it. A cancellation from
    outside passes through.
    """
    if seconds_left <= 0:
        return _out_of_time()
    scope = TimeScope(seconds_left, prepared.spec.time_limit)
    try:
        reach("run.ready")
        value = await scope.over(_call(prepared, context, threads, processes))
        reach("run.returned")
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return _broke(prepared, error)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # one broken tool costs one request, whatever it raised
        if prepared.spec.builtin and isinstance(error, StoreAway):
            raise  # nothing broke: the request waits for the service's own store
        return _raised(prepared, error, scope.expired)
    return _result(prepared, value)


async def _call(
    prepared: Prepared,
    context: tuple[ToolContext[Any], ...],
    threads: Executor,
    processes: "Processes | None",
) -> Any:
    """Call the function where it runs. Cancelled, what goes on all the same is told to end."""
    function: Callable[..., Any] = prepared.spec.function
    try:
        if prepared.spec.is_async:
            return await function(*context, *prepared.args, **prepared.kwargs)
        if prepared.spec.run_in == "process":
            assert processes is not None  # noqa: S101 - a replica with such a tool has them
            return await processes.run(prepared, context)
        # The thread sees what is current here, such as the span of this run.
        here = contextvars.copy_context()
        call = functools.partial(here.run, function, *context, *prepared.args, **prepared.kwargs)
        return await asyncio.get_running_loop().run_in_executor(threads, _in_thread, call)
    except asyncio.CancelledError as error:
        for each in context:
            each.end.set(str(error) or Ending.DRAINING)  # who does not say why waits no longer
        raise


def _in_thread(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except StopIteration as error:
        # A future cannot carry this one: before Python 3.12 whoever awaits it would wait for ever.
        raise RuntimeError("the tool let StopIteration out") from error


def _result(prepared: Prepared, value: Any) -> Ended:
    """The value as the JSON that the tool's contract promises."""
    returns = prepared.spec.signature.returns
    try:
        result = sendable(value.read() if isinstance(value, Written) else write_result(returns, value))
    except TooLarge as error:
        return Ended(error=_too_large(error.what))
    except Exception as error:  # noqa: BLE001 - a validator or serializer of the tool may raise anything
        return _logged(prepared, error, Code.RESULT_INVALID, "the tool's result breaks its own contract")
    # A snapshot holds a job's whole result: what an event can tell, a poll must be able to tell.
    if not prepared.spec.builtin and is_too_large(result):
        return Ended(error=_too_large("result"))
    return Ended(result=result)


def write_result(returns: TypeAdapter[Any], value: Any) -> JsonValue:
    """A tool's value, validated strictly, in its JSON form. `ValueError` where it does not fit."""
    try:
        valid = returns.validate_python(value, strict=True)
    except ValidationError as error:
        complaints = "; ".join(str(field) or field.message for field in field_errors(error))
        raise ValueError(complaints) from None  # pydantic's own text repeats the value, and goes to the log
    written: JsonValue = returns.dump_python(valid, mode="json", by_alias=True, warnings="error")
    return written


def _raised(prepared: Prepared, error: BaseException, expired: Expiry | None) -> Ended:
    """What follows from an exception. Only here is known whether it may be tried again."""
    limit, alone = prepared.spec.time_limit, alone_in(error)
    match alone:
        case Refusal():
            return Ended(error=alone.error)
        case ToolError():
            return _told(prepared, alone)
        case _ if expired is Expiry.DEADLINE:
            return _out_of_time()
        case _ if prepared.spec.kind == "job" and (question := question_in(error)) is not None:
            return Ended(question=question)
        case Retry():
            return _asks_again(prepared, alone)
        case _ if expired is Expiry.LIMIT and limit is not None:
            again = Again() if issubclass(TimeoutError, prepared.spec.retry_on) else None
            return Ended(error=time_limit_exceeded(limit), cause=Cause(Why.TIME_LIMIT), again=again)
        case _:
            kinds = prepared.spec.retry_on
            again = Again() if _is_one_of(alone, kinds) or _is_one_of(error, kinds) else None
            return _broke(prepared, error, again)


def _is_one_of(error: BaseException, kinds: RetryOn) -> bool:
    return error.is_one_of(kinds) if isinstance(error, BrokeInProcess) else isinstance(error, kinds)


def _out_of_time() -> Ended:
    return Ended(error=deadline_exceeded(), cause=Cause(Why.DEADLINE))


def _told(prepared: Prepared, error: ToolError) -> Ended:
    try:
        data = None if error.data is None else TypeAdapter(dict[str, JsonValue]).validate_python(error.data)
        if is_too_large(sendable(data)):
            return Ended(error=_too_large("data of the tool's error"))
        wire = WireError(
            code=Code.TOOL_ERROR, message=error.message, retryable=False, reason=error.reason, data=data
        )
    except (ValidationError, NotJson) as problem:
        return _broke(prepared, problem)
    return Ended(error=wire)


def _asks_again(prepared: Prepared, retry: Retry) -> Ended:
    """The tool's wish, with the error that stands where it cannot be granted."""
    message = retry.message or "the job asks for another attempt, and cannot have one"
    told = _told(prepared, ToolError(RETRIES_EXHAUSTED, message))
    return Ended(error=told.error, cause=told.cause or Cause(Why.RETRY_ASKED), again=Again(retry.after))


def _broke(prepared: Prepared, error: BaseException, again: Again | None = None) -> Ended:
    message = "the tool broke; its operator can find the error id in the log"
    return replace(_logged(prepared, error, Code.INTERNAL, message), again=again)


def _logged(prepared: Prepared, error: BaseException, code: Code, message: str) -> Ended:
    """The exception goes to the operator's log, and its id to the caller."""
    error_id = secrets.token_hex(8)
    log.error("tool %s broke, error id %s", prepared.spec.name, error_id, exc_info=error)
    wire = WireError(code=code, message=message, retryable=False, data={"error_id": error_id})
    return Ended(error=wire, cause=Cause(Why.BROKE, error_id))


def is_too_large(text: str) -> bool:
    """Whether a result, or the data of an error, is more than any message can tell."""
    # A character has four bytes at most: what is short need not be copied to be measured.
    return 4 * len(text) > MAX_RESULT_BYTES and len(text.encode()) > MAX_RESULT_BYTES


def _too_large(what: str) -> WireError:
    return WireError(
        code=Code.RESULT_TOO_LARGE,
        message=f"the {what} has more than {MAX_RESULT_BYTES} bytes",
        retryable=False,
    )
