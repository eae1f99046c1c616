"""The coded error that travels: in signed responses, in events and in job snapshots."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from toolwire.contracts.names import Count


class Code(StrEnum):
    """The closed set of codes in a signed error. Each line says what the caller can do."""

    INVALID_ENVELOPE = "invalid_envelope"
    """The envelope breaks its model; mend the client."""
    UNSUPPORTED_VERSION = "unsupported_version"
    """The service does not speak this `v`; `data.supported` lists what it speaks."""
    FORBIDDEN = "forbidden"
    """The key that signed does not belong to `client_id`."""
    WRONG_SERVER = "wrong_server"
    """The envelope is for another server than the one whose queue it reached."""
    WRONG_DESTINATION = "wrong_destination"
    """The routing key names another tool than the envelope."""
    REQUEST_ID_CONFLICT = "request_id_conflict"
    """The request id was used for something else; take a new one."""
    CLOCK_SKEW = "clock_skew"
    """`ts_ms` lies in the service's future; set the clock."""
    EXPIRED = "expired"
    """The deadline had passed when the request was looked at."""
    TTL_TOO_LONG = "ttl_too_long"
    """The deadline is at or before `ts_ms`, or further off than this client may ask for."""
    RATE_LIMITED = "rate_limited"
    """Too many requests from this client; try again after `retry_after_ms`."""
    OVERLOADED = "overloaded"
    """The replica has no free place; try again after `retry_after_ms`."""
    UNAVAILABLE = "unavailable"
    """The service cannot reach its store or is stopping; try again."""
    TOOL_NOT_AVAILABLE = "tool_not_available"
    """There is no such tool, or it is not allowed: one answer for both."""
    TOOL_CHANGED = "tool_changed"
    """The tool's definition is not the one that `tool_rev` pins; read the catalogue again."""
    INVALID_ARGS = "invalid_args"
    """The arguments do not fit; `fields` says which and why."""
    TOOL_ERROR = "tool_error"
    """The tool said no: `reason`, `message` and `data` are its own."""
    INTERNAL = "internal"
    """The tool or the service broke; `data.error_id` stands in the operator's log."""
    RESULT_INVALID = "result_invalid"
    """The tool returned what its own contract forbids."""
    RESULT_TOO_LARGE = "result_too_large"
    """The result is over the size that a message may have."""
    DEADLINE_EXCEEDED = "deadline_exceeded"
    """The deadline passed before the tool was done."""
    CANCELLED = "cancelled"
    """The job was cancelled."""
    INTERRUPTED = "interrupted"
    """The replica was lost in the middle and the tool may not run twice: it may have run in part."""
    JOB_NOT_FOUND = "job_not_found"
    """This client has no such job; another client's job looks the same."""
    INVALID_SCHEDULE = "invalid_schedule"
    """`run_at_ms` or `priority` cannot be met, or the tool is no job; ask for what can be."""
    TIME_LIMIT_EXCEEDED = "time_limit_exceeded"
    """The tool took longer than its own limit allows."""
    NOT_ASKED = "not_asked"
    """The job does not ask that question now: it never did, it has its answer, or it is over."""


RETRYABLE = frozenset({Code.RATE_LIMITED, Code.OVERLOADED, Code.UNAVAILABLE})
"""Refusals of one attempt: the same request may be sent again, and none of them is ever recorded."""


class FieldError(BaseModel):
    """One argument or envelope field that does not fit."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: Annotated[str, Field(max_length=200)]
    """A JSON Pointer (RFC 6901) into the arguments, such as `/numbers/0`; empty for the whole."""
    type: Annotated[str, Field(max_length=64)]
    """pydantic's name of the rule, such as `too_short`."""
    message: Annotated[str, Field(max_length=500)]

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class WireError(BaseModel):
    """The `error` of a signed response, of an event and of a job snapshot."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    code: Annotated[Code, Field(strict=False)]
    message: Annotated[str, Field(max_length=2000)]
    retryable: bool
    retry_after_ms: Count | None = None
    fields: Annotated[tuple[FieldError, ...], Field(strict=False, max_length=10)] | None = None
    reason: Annotated[str, Field(max_length=128)] | None = None
    data: dict[str, JsonValue] | None = None
