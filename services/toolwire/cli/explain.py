"""An error in words for people, and as a document for programs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolwire.contracts.errors import (
    AnswerNotVerified,
    Code,
    DeadlineExceeded,
    JobCancelled,
    JobFailed,
    JobNotOver,
    NotAJob,
    RemoteError,
    ResultMismatch,
    WireError,
)

ADVICE: Mapping[Code, str] = {
    Code.FORBIDDEN: "Name the client that owns the key: --client, or --key for another key.",
    Code.CLOCK_SKEW: "Set this machine's clock.",
    Code.RATE_LIMITED: "Try again in a moment.",
    Code.OVERLOADED: "Try again in a moment, or start more replicas: toolwire serve MODULE:ATTR",
    Code.UNAVAILABLE: "Try again in a moment; the service's log says what it misses.",
    Code.REQUEST_ID_CONFLICT: "Take another --request-id: this one stands for another request.",
    Code.TTL_TOO_LONG: "Ask for less time: --timeout for a call, --deadline for a job.",
    Code.TOOL_NOT_AVAILABLE: "See what this client may use: toolwire tools list",
    Code.INVALID_ARGS: "Values are read as JSON: numbers='[1, 2]' is a list, name='\"7\"' a text.",
    Code.INTERNAL: "The service's log has the details under that error id.",
    Code.RESULT_INVALID: "The service's log has the details under that error id: the tool has to be mended.",
    Code.RESULT_TOO_LARGE: "Ask for less; or have the tool put it elsewhere, and return where it is.",
    Code.JOB_NOT_FOUND: "See this client's jobs: toolwire jobs list",
    Code.INVALID_SCHEDULE: "Leave out --at, --delay and --priority, or give what the message allows.",
    Code.TIME_LIMIT_EXCEEDED: "Ask for less: how long one attempt may take is the tool's own rule.",
    Code.NOT_ASKED: "See what the job asks now: toolwire jobs show JOB",
    Code.INTERRUPTED: "It may have run in part: look before you submit it again.",
    Code.DEADLINE_EXCEEDED: "Give it more time (--timeout for a call, --deadline for a job), and under a new "
    "request id: this one has its answer.",
}
"""What to do, where the message alone does not say it."""


@dataclass(frozen=True, slots=True)
class Explained:
    """An error, told in both ways."""

    lines: tuple[str, ...]
    document: Mapping[str, Any]


def explain(error: Exception) -> Explained:
    """What happened, where, and what to do. An exception's notes are hints."""
    told = _told(error)
    hints = [*_advice(error), *_commands(error), *getattr(error, "__notes__", ())]
    if not hints:
        return told
    return Explained((*told.lines, *hints), {**told.document, "hints": hints})


def _advice(error: Exception) -> list[str]:
    return remedies(error.error) if isinstance(error, RemoteError | JobFailed) else []


def _commands(error: Exception) -> Iterator[str]:
    """What to type next, where the error says it in the words of the library."""
    match error:
        case NotAJob():
            yield f"Its result is {json.dumps(error.result, ensure_ascii=False)}"
            yield f"The command for it: toolwire call {error.tool}"
        case JobFailed() | JobCancelled():
            yield f"What became of it: toolwire jobs show {error.job_id}"
        case JobNotOver() | AnswerNotVerified():
            pass
        case DeadlineExceeded(request_id=str(request_id)):
            yield f"The same command with --request-id {request_id} asks for the same again."
        case _:
            pass


def _told(error: Exception) -> Explained:
    wire = error.error if isinstance(error, RemoteError | JobFailed) else None
    if wire is None:
        document: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
        if isinstance(error, ResultMismatch):
            document["fields"] = [field.model_dump() for field in error.fields]
        if isinstance(error, NotAJob):
            document["result"] = error.result
        return Explained((str(error),), document)
    told = wire.model_dump(mode="json", exclude_none=True)
    if isinstance(error, JobFailed):
        return Explained(
            (f"job {error.job_id} failed", *_lines(wire)),
            {"type": "JobFailed", "job_id": error.job_id, **told},
        )
    return Explained(_lines(wire), {"type": type(error).__name__, **told})


def remedies(error: WireError) -> list[str]:
    """What to do about a signed error, where its message does not say it."""
    return [ADVICE[error.code]] if error.code in ADVICE else []


def _lines(error: WireError) -> tuple[str, ...]:
    lines = [f"{error.code}: {error.message}"]
    lines += [f"  {field.path or '(the arguments)'}: {field.message}" for field in error.fields or ()]
    if error.reason is not None:
        lines.append(f"  reason: {error.reason}")
    lines += [f"  {name}: {value}" for name, value in (error.data or {}).items()]
    return tuple(lines)
