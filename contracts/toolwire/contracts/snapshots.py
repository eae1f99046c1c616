"""A job as it stands: what `poll_job` returns and what every event carries."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.names import Count, Id, Millis, ToolName


class Progress(BaseModel):
    """How far a job is, in its tool's own judgement."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    message: Annotated[str, Field(max_length=500)] = ""


class JobSnapshot(BaseModel):
    """One job at one moment. Two snapshots with the same `seq` are equal."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    job_id: Id
    server_id: Id
    tool: ToolName
    status: Annotated[Status, Field(strict=False)]
    attempt: Count
    """How often a replica took the job; 0 while it waits for the first time."""
    seq: Count
    """How many events the job has recorded; counts without gaps."""
    progress: Progress | None
    result: JsonValue
    error: WireError | None
    created_ms: Millis
    started_ms: Millis | None
    """When the current or last attempt was taken."""
    updated_ms: Millis
    deadline_ms: Millis
    poll_after_ms: Count | None
    """How long to wait before the next poll; None when the job is over."""
    final: bool

    @model_validator(mode="after")
    def _fits_status(self) -> Self:
        if self.final != self.status.final:
            raise ValueError("`final` says whether the status is")
        if self.status is Status.ERROR and self.error is None:
            raise ValueError("a job that ended in error says which")
        return self
