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
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from toolwire.contracts.encoding import NotJson, sendable
from toolwire.contracts.errors import Code, ToolError, WireError
from toolwire.contracts.fields import field_errors
from toolwire.contracts.sealing import MAX_LINE_BYTES
from toolwire.services.plans import Prepared
from toolwire.services.store.port import StoreAway

log = logging.getLogger("toolwire.services")

MAX_RESULT_BYTES = MAX_LINE_BYTES - 16 * 1024
"""What is left of a line for the result when the largest other fields are there."""


class Refusal(Exception):
    """Raised by a built-in tool: the coded error is the answer."""

    def __init__(self, error: WireError) -> None:
        super().__init__(error.code)
        self.error = error


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: a result as canonical JSON, or an error."""

    result: str | None = None
    error: WireError | None = None


async def execute(
    prepared: Prepared, context: tuple[Any, ...], *, seconds_left: float, threads: Executor
) -> Ended:
    """Run the tool until it ends or its caller's deadline. A cancellation from outside passes through."""
    if seconds_left <= 0:
        return Ended(error=deadline_exceeded())
    scope = asyncio.timeout(seconds_left)
    try:
        async with scope:
            value = await _call(prepared, context, threads)
    except ToolError as error:
        return Ended(error=_told(prepared, error))
    except Refusal as refusal:
        return Ended(error=refusal.error)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return Ended(error=_broke(prepared, error))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # one broken tool costs one request, whatever it raised
        if prepared.spec.builtin and isinstance(error, StoreAway):
            raise  # nothing broke: the request waits for the service's own store
        return Ended(error=deadline_exceeded() if scope.expired() else _broke(prepared, error))
    return _result(prepared, value)


async def _call(prepared: Prepared, context: tuple[Any, ...], threads: Executor) -> Any:
    function: Callable[..., Any] = prepared.spec.function
    if prepared.spec.is_async:
        return await function(*context, *prepared.args, **prepared.kwargs)
    # The thread sees what is current here, such as the span of this run.
    here = contextvars.copy_context()
    call = functools.partial(here.run, function, *context, *prepared.args, **prepared.kwargs)
    return await asyncio.get_running_loop().run_in_executor(threads, _in_thread, call)


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
        result = sendable(write_result(returns, value))
    except Exception as error:  # noqa: BLE001 - a validator or serializer of the tool may raise anything
        _log_break(prepared, error, error_id := secrets.token_hex(8))
        return Ended(error=_coded(Code.RESULT_INVALID, "the tool's result breaks its own contract", error_id))
    # A snapshot holds a job's whole result: what an event can tell, a poll must be able to tell.
    if not prepared.spec.builtin and _is_too_large(result):
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


def deadline_exceeded() -> WireError:
    """The error of a request whose deadline passed."""
    return WireError(
        code=Code.DEADLINE_EXCEEDED, message="the deadline passed before the tool was done", retryable=False
    )


def interrupted() -> WireError:
    """The error of a request whose replica was lost, and whose tool may not run twice."""
    return WireError(
        code=Code.INTERRUPTED,
        message="the replica that ran this was lost; it may have run in part, and may not run twice",
        retryable=False,
    )


def cancelled() -> WireError:
    """The error of a job that was cancelled."""
    return WireError(code=Code.CANCELLED, message="the job was cancelled", retryable=False)


def _told(prepared: Prepared, error: ToolError) -> WireError:
    try:
        data = None if error.data is None else TypeAdapter(dict[str, JsonValue]).validate_python(error.data)
        if _is_too_large(sendable(data)):
            return _too_large("data of the tool's error")
        return WireError(
            code=Code.TOOL_ERROR, message=error.message, retryable=False, reason=error.reason, data=data
        )
    except (ValidationError, NotJson) as problem:
        return _broke(prepared, problem)


def _broke(prepared: Prepared, error: BaseException) -> WireError:
    error_id = secrets.token_hex(8)
    _log_break(prepared, error, error_id)
    return _coded(Code.INTERNAL, "the tool broke; its operator can find the error id in the log", error_id)


def _is_too_large(text: str) -> bool:
    return len(text.encode()) > MAX_RESULT_BYTES


def _too_large(what: str) -> WireError:
    return WireError(
        code=Code.RESULT_TOO_LARGE,
        message=f"the {what} has more than {MAX_RESULT_BYTES} bytes",
        retryable=False,
    )


def _coded(code: Code, message: str, error_id: str) -> WireError:
    return WireError(code=code, message=message, retryable=False, data={"error_id": error_id})


def _log_break(prepared: Prepared, error: BaseException, error_id: str) -> None:
    log.error("tool %s broke, error id %s", prepared.spec.name, error_id, exc_info=error)
