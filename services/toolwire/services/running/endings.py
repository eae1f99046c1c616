"""How an attempt ended, and what follows from it: another attempt, or an outcome on record."""

from dataclasses import dataclass

from toolwire.contracts.errors import WireError
from toolwire.contracts.history import Why
from toolwire.contracts.jobs import Status
from toolwire.services.asking.questions import Asked
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.running.coded_errors import cancelled, interrupted
from toolwire.services.running.leases import Ending
from toolwire.services.store.port import Cause, Outcome, Record


@dataclass(frozen=True, slots=True)
class Again:
    """What raised the exception may be tried again."""

    after_s: float | None = None
    """The wait that the tool asked for; None: by its backoff."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: a result as canonical JSON, or an error."""

    result: str | None = None
    error: WireError | None = None
    cause: Cause | None = None
    """Why there is no result, where it is not simply the tool's word."""
    again: Again | None = None
    """The error is that of this attempt alone, if another one can be made."""
    question: Asked | None = None
    """What the tool asks its caller: neither a result nor an error."""


def retry_delay(record: Record, spec: ToolSpec, ended: Ended | Ending, now_ms: int) -> int | None:
    """How long until the next attempt, in milliseconds; None where this was the last.

    There is none that would be due at or after the deadline: then the job ends with this attempt's own error,
    and need not wait for one that says less.
    """
    if record.attempt >= record.max_attempts:
        return None
    if ended is Ending.DRAINING:
        return 0
    if record.kind != "job" or isinstance(ended, Ending) or ended.again is None:
        return None
    wait_ms = _wait_ms(record, spec, ended.again)
    return wait_ms if now_ms + wait_ms < record.deadline_ms else None


def _wait_ms(record: Record, spec: ToolSpec, again: Again) -> int:
    if again.after_s is not None:
        # What lies beyond any deadline is too long anyway, and may be more than an integer can be.
        return round(min(again.after_s * 1000, record.deadline_ms))
    # A parked attempt is none of the tries: it raised the record's number of attempts by one.
    parked = max(0, record.max_attempts - spec.max_attempts)
    return spec.backoff.wait_ms(max(1, record.attempt - parked))


def outcome_of(ended: Ended | Ending) -> Outcome:
    """What is recorded of an attempt that was the last."""
    if ended is Ending.CANCELLED:
        return Outcome(Status.CANCELLED, error=cancelled().model_dump_json())
    if isinstance(ended, Ending):
        return Outcome(Status.ERROR, error=interrupted().model_dump_json(), cause=cause_of(ended))
    if ended.error is not None:
        return Outcome(Status.ERROR, error=ended.error.model_dump_json(), cause=ended.cause)
    return Outcome(Status.DONE, result=ended.result)


def cause_of(ended: Ended | Ending) -> Cause | None:
    """Why an attempt ended without a result, for the job's history."""
    if isinstance(ended, Ended):
        return ended.cause
    return Cause(Why.DRAINED) if ended is Ending.DRAINING else None
