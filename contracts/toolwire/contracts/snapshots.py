"""A job as it stands: what `poll_job` returns and what every event carries."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.names import Count, Id, Millis, ToolName

KEY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""The key of a question."""

_ENDED_WITHOUT_RESULT = (Status.ERROR, Status.CANCELLED)


class Progress(BaseModel):
    """How far a job is, in its tool's own judgement."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """From 0 to 1."""
    message: Annotated[str, Field(max_length=500)] = ""


class Question(BaseModel):
    """What a parked job asks its caller."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    key: Annotated[str, Field(pattern=KEY_PATTERN)]
    """What the answer is given under."""
    prompt: Annotated[str, Field(max_length=2000)]
    """For people."""
    answer_schema: dict[str, JsonValue]
    """JSON Schema 2020-12 of the answer."""


class JobSnapshot(BaseModel):
    """One job at one moment. Two snapshots with the same `seq` are equal."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    job_id: Id
    server_id: Id
    tool: ToolName
    """What runs."""
    status: Annotated[Status, Field(strict=False)]
    attempt: Count
    """How often a replica took the job; 0 while it waits for the first time."""
    seq: Count
    """How many events the job has recorded; counts without gaps."""
    progress: Progress | None
    """The last that its tool told."""
    result: JsonValue
    """What the tool returned, when the job is done."""
    error: WireError | None
    """Why the job ended without a result, in error or cancelled."""
    created_ms: Millis
    """When it was recorded: milliseconds since 1970-01-01 UTC, by the server's store."""
    started_ms: Millis | None
    """When the current or last attempt was taken."""
    updated_ms: Millis
    """When its last event was recorded."""
    due_ms: Millis | None
    """While it waits to be taken: not before this time."""
    question: Question | None
    """What it asks, while input is required."""
    deadline_ms: Millis
    """When it ends at the latest."""
    poll_after_ms: Count | None
    """How long to wait before the next poll; None when the job is over."""
    final: bool
    """Whether the job is over, as its status says too."""

    @model_validator(mode="after")
    def _fits_status(self) -> Self:
        over = self.status.final
        if self.final != over or (self.poll_after_ms is None) != over:
            raise ValueError("`final` says whether the status is, and no job that is over is polled again")
        if (self.error is not None) != (self.status in _ENDED_WITHOUT_RESULT):
            raise ValueError("a job that ended in error or was cancelled says why, and no other has an error")
        if self.result is not None and self.status is not Status.DONE:
            raise ValueError("only a job that is done has a result")
        if (self.due_ms is not None) != (self.status is Status.ACCEPTED):
            raise ValueError("a job that waits to be taken says when it may be, and no other does")
        if (self.question is not None) != (self.status is Status.INPUT_REQUIRED):
            raise ValueError("a job that requires input says what it asks, and no other does")
        return self
