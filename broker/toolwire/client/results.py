"""Reads verified results as what the caller said to expect."""

from collections.abc import Callable
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


def reader_of(tool: Contract[Any, R]) -> Callable[[JsonValue], R]:
    """What reads a result by a tool's contract. It raises `ResultMismatch`."""
    return lambda result: _checked(tool.name, tool.decode_result, result)


def reader_as(tool: str, returns: type[R] | TypeAdapter[R] | None) -> Callable[[JsonValue], Any]:
    """What reads a result as that type; None: any JSON value is as good. It raises `ResultMismatch`."""
    if returns is None:
        return lambda result: result
    adapter: TypeAdapter[Any] = returns if isinstance(returns, TypeAdapter) else TypeAdapter(returns)
    return lambda result: _checked(tool, lambda value: read_result(adapter, value), result)


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
    return reader_as(tool, AcceptedJob)(response.result).job_id  # type: ignore[no-any-return]


def _checked(tool: str, read: Callable[[JsonValue], R], result: JsonValue) -> R:
    try:
        return read(result)
    except ValidationError as error:
        raise ResultMismatch(tool, "it does not fit", field_errors(error)) from error
