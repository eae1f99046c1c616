"""A job's history: every attempt, who made it, and why it was not the last.

Progress and output are not in it: a chatty job would write a book.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from toolwire.contracts.jobs import EventName
from toolwire.contracts.names import Count, Id, Millis

KEPT_ATTEMPTS = 20
"""Of so many attempts, the newest, the history tells; the acceptance stays whatever comes."""


class Happened(StrEnum):
    """What an entry tells: the events that end or begin something, and the wish to cancel."""

    ACCEPTED = "accepted"
    """Recorded; `replica` took the request."""
    STARTED = "started"
    """`replica` took the job."""
    RETRYING = "retrying"
    """The attempt of `replica` ended without an outcome, for the reason `why`."""
    INPUT_REQUIRED = "input_required"
    """The attempt of `replica` ended with a question."""
    ANSWERED = "answered"
    """Its owner answered; `replica` took the answer."""
    CANCEL_ASKED = "cancel_asked"
    """Its owner asked for the job's end while `replica` ran it."""
    DONE = "done"
    """`replica` recorded the result. Final."""
    ERROR = "error"
    """The job ended with an error, in the hands of `replica` if anybody ran it. Final."""
    CANCELLED = "cancelled"
    """The job was cancelled. Final."""


KEPT_EVENTS = frozenset(event for event in EventName if event.value in set(Happened))
"""The events that make an entry."""


class Why(StrEnum):
    """Why an attempt ended without a result."""

    BROKE = "broke"
    """The tool broke; `error_id` stands in the operator's log."""
    LEASE_LOST = "lease_lost"
    """The replica was lost, or stood still for longer than its lease."""
    DRAINED = "drained"
    """The replica was stopped and handed the job back."""
    DEADLINE = "deadline"
    """The job's deadline passed."""
    TIME_LIMIT = "time_limit"
    """The attempt took longer than its tool may."""
    RETRY_ASKED = "retry_asked"
    """The tool itself asked for another attempt."""


class HistoryEntry(BaseModel):
    """One line of the history."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    event: Annotated[Happened, Field(strict=False)]
    at_ms: Millis
    """By the store's clock."""
    seq: Count
    """The job's `seq` at that moment."""
    attempt: Count
    """Which attempt it belongs to; 0 before the first."""
    replica: str | None
    """The replica that it was done by or, where a lease was lost, that lost it."""
    why: Annotated[Why, Field(strict=False)] | None = None
    error_id: str | None = None
    """Where to look in the service's log."""
    due_ms: Millis | None = None
    """When the next attempt may start, if it has to wait."""


class JobHistory(BaseModel):
    """What became of one job so far, oldest first."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    job_id: Id
    server_id: Id
    entries: Annotated[tuple[HistoryEntry, ...], Field(strict=False)]
