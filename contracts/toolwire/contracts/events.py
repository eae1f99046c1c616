"""A job's events as a union to match on.

match event:
    case Progressed(snapshot=JobSnapshot(progress=progress)): ...
    case Done(result=result): ...
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from pydantic import JsonValue

from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.snapshots import JobSnapshot, Progress, Question


@dataclass(frozen=True, slots=True)
class _JobEvent:
    snapshot: JobSnapshot


@dataclass(frozen=True, slots=True)
class Current(_JobEvent):
    """Where the job stood when the watching began, always the first, or after events were lost on the way."""


@dataclass(frozen=True, slots=True)
class Accepted(_JobEvent):
    """The job is recorded and waits for a free replica."""


@dataclass(frozen=True, slots=True)
class Started(_JobEvent):
    """A replica took the job; `snapshot.attempt` says for which time."""


@dataclass(frozen=True, slots=True)
class Progressed(_JobEvent):
    """The tool told how far it is."""

    @property
    def progress(self) -> Progress:
        """How far the job is. Always there: the envelope's model refuses such an event without it."""
        return cast("Progress", self.snapshot.progress)


@dataclass(frozen=True, slots=True)
class Output(_JobEvent):
    """The tool gave pieces of its output, oldest first."""

    pieces: tuple[JsonValue, ...]


@dataclass(frozen=True, slots=True)
class Retrying(_JobEvent):
    """An attempt did not end the job; it waits to be taken again."""


@dataclass(frozen=True, slots=True)
class InputRequired(_JobEvent):
    """The tool asks a question; the job is parked until `Job.answer`, or its deadline."""

    @property
    def question(self) -> Question:
        """What it asks. Always there: the snapshot's model refuses status `input_required` without it."""
        return cast("Question", self.snapshot.question)


@dataclass(frozen=True, slots=True)
class Answered(_JobEvent):
    """The question is answered; the job waits to be taken again."""


@dataclass(frozen=True, slots=True)
class Done(_JobEvent):
    """The job ended with a result. Final."""

    @property
    def result(self) -> JsonValue:
        """What the tool returned."""
        return self.snapshot.result


@dataclass(frozen=True, slots=True)
class Failed(_JobEvent):
    """The job ended with an error. Final."""

    @property
    def error(self) -> WireError:
        """Why it failed. Always there: the snapshot's model refuses status `error` without it."""
        return cast("WireError", self.snapshot.error)


@dataclass(frozen=True, slots=True)
class Cancelled(_JobEvent):
    """The job was cancelled. Final."""


JobEvent: TypeAlias = (
    Current
    | Accepted
    | Started
    | Progressed
    | Output
    | InputRequired
    | Answered
    | Retrying
    | Done
    | Failed
    | Cancelled
)

_PLAIN: Mapping[EventName, Callable[[JobSnapshot], JobEvent]] = {
    EventName.ACCEPTED: Accepted,
    EventName.STARTED: Started,
    EventName.PROGRESS: Progressed,
    EventName.INPUT_REQUIRED: InputRequired,
    EventName.ANSWERED: Answered,
    EventName.RETRYING: Retrying,
    EventName.DONE: Done,
    EventName.ERROR: Failed,
    EventName.CANCELLED: Cancelled,
}
_FINAL: Mapping[Status, Callable[[JobSnapshot], Done | Failed | Cancelled]] = {
    Status.DONE: Done,
    Status.ERROR: Failed,
    Status.CANCELLED: Cancelled,
}


def event_of(envelope: Event) -> JobEvent:
    """The event that an envelope tells."""
    if envelope.output is not None:
        return Output(envelope.data, envelope.output)
    return _PLAIN[envelope.event](envelope.data)


def final_event(snapshot: JobSnapshot) -> Done | Failed | Cancelled:
    """The event that ended a job, told from its last snapshot. KeyError while the job is not over."""
    return _FINAL[snapshot.status](snapshot)
