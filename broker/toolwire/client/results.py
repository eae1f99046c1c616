"""Reads verified results as what the caller said to expect."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from toolwire.contracts.builtin import BUILT_IN, AcceptedJob
from toolwire.contracts.envelopes import Response
from toolwire.contracts.errors import (
    Code,
    JobCancelled,
    JobFailed,
    NotAJob,
    NotAsked,
    RemoteError,
    ResultMismatch,
    WireError,
)
from toolwire.contracts.fields import field_errors
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot
from toolwire.contracts.tools import Contract, read_result

R = TypeVar("R")

MOST_KNOWN = 256


@lru_cache(MOST_KNOWN)  # so that the jobs of a tool share one
def reader_of(tool: Contract[Any, R]) -> Callable[[JsonValue], R]:
    """What reads a result by a tool's contract. It raises `ResultMismatch`."""
    return lambda result: _checked(tool.name, tool.decode_result, result)


def reader_as(tool: str, returns: type[R] | TypeAdapter[R] | None) -> Callable[[JsonValue], Any]:
    """What reads a result as that type; None: any JSON value is as good. It raises `ResultMismatch`."""
    if returns is None:
        return _as_it_is
    adapter: TypeAdapter[Any] = returns if isinstance(returns, TypeAdapter) else _adapter(returns)
    return lambda result: _checked(tool, lambda value: read_result(adapter, value), result)


def _as_it_is(result: JsonValue) -> JsonValue:
    return result


def _adapter(returns: Any) -> TypeAdapter[Any]:
    try:
        return _known_adapter(returns)
    except TypeError:  # it cannot be hashed, such as an `Annotated` with a list in it
        return TypeAdapter(returns)


# Making one takes longer than reading a small result with it.
_known_adapter = lru_cache(MOST_KNOWN)(TypeAdapter[Any])


def outcome(tool: str, response: Response) -> JsonValue:
    """The result of a call that was answered. Raises the class of its error code, or `ResultMismatch`."""
    if response.error is not None:
        raise RemoteError.of(response.error)
    if response.status != "ok" and tool not in BUILT_IN:  # of those, some answer with the status of a job
        raise ResultMismatch(tool, f"it answered with the status {response.status!s}")
    return response.result


def result_of(job: JobSnapshot, read: Callable[[JsonValue], R]) -> R:
    """The result of a job that is over. Raises `JobFailed`, `JobCancelled`, and what `read` raises."""
    if job.status is Status.CANCELLED:
        raise JobCancelled(job.job_id)
    if job.error is not None:
        raise JobFailed(job.job_id, job.error)
    return read(job.result)


def not_asked(job: JobSnapshot) -> NotAsked:
    """What the server would say of an answer to a job that, by its own word, asks nothing."""
    return NotAsked(
        WireError(
            code=Code.NOT_ASKED,
            message=f"job {job.job_id} asks nothing now: its status is {job.status}",
            retryable=False,
        )
    )


def accepted_job(tool: str, response: Response) -> str:
    """The id of the job that a submission became. Raises like `outcome`, and `NotAJob`."""
    if response.error is not None:
        raise RemoteError.of(response.error)
    if response.status == "ok":
        raise NotAJob(tool, response.result)
    if response.status != Status.ACCEPTED:
        raise ResultMismatch(tool, f"it answered with the status {response.status!s}")
    return _checked(tool, _accepted, response.result).job_id


def _accepted(result: JsonValue) -> AcceptedJob:
    # Its fields are texts, which are the same in Python as in JSON: pydantic need not read it from text.
    return AcceptedJob.model_validate(result, strict=True)


def _checked(tool: str, read: Callable[[JsonValue], R], result: JsonValue) -> R:
    try:
        return read(result)
    except ValidationError as error:
        raise ResultMismatch(tool, "it does not fit", field_errors(error)) from error
