"""The life of a job: one table, and the rules that it obeys.

1. A job is in one status. Only a transition of the table changes it, and every transition is told by one
   event.
2. `done`, `error` and `cancelled` are final: nothing leaves them.
3. Only the holder of the current lease token moves a job that is `running`, except for the store's own
   sweep, which acts when the lease has run out or the deadline has passed.
4. A cancel of a running job is an intent; the job becomes `cancelled` when its holder gives up, or, if the
   holder is lost, by the sweep. A result that was recorded first wins.
5. `attempt` counts how often the job was taken. Handing back on shutdown is not the job's fault, but
   it did start, so it counts; a job that may not run twice is then settled as `interrupted`.
6. An attempt that ends with a question is none of those that the tool is allowed: the first answer has the
   job taken once more.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """Where a job stands. Each line says what it means and who moves it on."""

    ACCEPTED = "accepted"
    """Recorded and waiting for a free replica, which takes it."""
    RUNNING = "running"
    """Held under a lease by one replica, which ends it or hands it back."""
    INPUT_REQUIRED = "input_required"
    """Parked until its caller answers a question; holds no replica."""
    DONE = "done"
    """Ended with a result. Final."""
    ERROR = "error"
    """Ended with an error. Final."""
    CANCELLED = "cancelled"
    """Ended because its caller, or the operator, cancelled it. Final."""

    @property
    def final(self) -> bool:
        """Whether the job is over."""
        return self in FINAL


FINAL = frozenset({Status.DONE, Status.ERROR, Status.CANCELLED})

MCP_TASK_STATUS: Mapping[Status, str] = {
    Status.ACCEPTED: "working",
    Status.RUNNING: "working",
    Status.INPUT_REQUIRED: "input_required",
    Status.DONE: "completed",
    Status.ERROR: "failed",
    Status.CANCELLED: "cancelled",
}
"""The words of the Model Context Protocol's Tasks extension (SEP-2663) for ours."""


class EventName(StrEnum):
    """What a lifecycle event tells."""

    ACCEPTED = "accepted"
    """The job is recorded."""
    STARTED = "started"
    """A replica took it."""
    PROGRESS = "progress"
    """Its tool told how far it is."""
    OUTPUT = "output"
    """Its tool gave pieces of output."""
    INPUT_REQUIRED = "input_required"
    """Its tool asked a question; it is parked until its caller answers."""
    ANSWERED = "answered"
    """Its caller answered; it waits to be taken again."""
    RETRYING = "retrying"
    """An attempt did not end it; it waits to be taken again."""
    DONE = "done"
    """It ended with a result. Final."""
    ERROR = "error"
    """It ended with an error. Final."""
    CANCELLED = "cancelled"
    """It was cancelled. Final."""


FINAL_EVENTS = frozenset({EventName.DONE, EventName.ERROR, EventName.CANCELLED})
"""The events that end a job; each is named as the status that it leads to."""


class Trigger(StrEnum):
    """What moves a job."""

    ACCEPT = "accept"
    """A replica recorded the request."""
    TAKE = "take"
    """A replica with a free slot took the job under a new lease token."""
    PROGRESS = "progress"
    """The holder reported how far it is."""
    EMIT = "emit"
    """The holder gave pieces of output."""
    ASK = "ask"
    """The holder asked the caller a question, and let go."""
    ANSWER = "answer"
    """The caller answered the question."""
    RETRY = "retry"
    """The attempt failed, was handed back or was lost, and the tool may run again."""
    SUCCEED = "succeed"
    """The holder recorded a result."""
    FAIL = "fail"
    """The holder recorded an error, or the attempt was lost and the tool may not run again."""
    EXPIRE = "expire"
    """The deadline passed."""
    CANCEL = "cancel"
    """The cancel took effect."""


class Step(NamedTuple):
    """Where a transition leads and the event that tells it."""

    status: Status
    event: EventName


TRANSITIONS: Mapping[tuple[Status | None, Trigger], Step] = {
    (None, Trigger.ACCEPT): Step(Status.ACCEPTED, EventName.ACCEPTED),
    (Status.ACCEPTED, Trigger.TAKE): Step(Status.RUNNING, EventName.STARTED),
    (Status.ACCEPTED, Trigger.EXPIRE): Step(Status.ERROR, EventName.ERROR),
    (Status.ACCEPTED, Trigger.CANCEL): Step(Status.CANCELLED, EventName.CANCELLED),
    (Status.RUNNING, Trigger.PROGRESS): Step(Status.RUNNING, EventName.PROGRESS),
    (Status.RUNNING, Trigger.EMIT): Step(Status.RUNNING, EventName.OUTPUT),
    (Status.RUNNING, Trigger.ASK): Step(Status.INPUT_REQUIRED, EventName.INPUT_REQUIRED),
    (Status.RUNNING, Trigger.RETRY): Step(Status.ACCEPTED, EventName.RETRYING),
    (Status.RUNNING, Trigger.SUCCEED): Step(Status.DONE, EventName.DONE),
    (Status.RUNNING, Trigger.FAIL): Step(Status.ERROR, EventName.ERROR),
    (Status.RUNNING, Trigger.EXPIRE): Step(Status.ERROR, EventName.ERROR),
    (Status.RUNNING, Trigger.CANCEL): Step(Status.CANCELLED, EventName.CANCELLED),
    (Status.INPUT_REQUIRED, Trigger.ANSWER): Step(Status.ACCEPTED, EventName.ANSWERED),
    (Status.INPUT_REQUIRED, Trigger.EXPIRE): Step(Status.ERROR, EventName.ERROR),
    (Status.INPUT_REQUIRED, Trigger.CANCEL): Step(Status.CANCELLED, EventName.CANCELLED),
}

STATUS_TOLD: Mapping[EventName, Status] = {step.event: step.status for step in TRANSITIONS.values()}
"""The status that a job has when the event happens."""


def sources(trigger: Trigger) -> tuple[Status, ...]:
    """The statuses in which `trigger` may happen, apart from the birth of a job."""
    return tuple(status for status, name in TRANSITIONS if name is trigger and status is not None)


def step(status: Status | None, trigger: Trigger) -> Step:
    """Where `trigger` leads from `status`. KeyError where the table has no such transition."""
    return TRANSITIONS[status, trigger]


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    for (status, trigger), (target, _) in TRANSITIONS.items():
        lines.append(f"    {status or '[*]'} --> {target}: {trigger}")
    lines += [f"    {status} --> [*]" for status in Status if status.final]
    return "\n".join(lines)
