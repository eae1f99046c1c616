"""Every event that can be sent has its class, and a final snapshot tells its final event."""

from typing import Any, get_args

import pytest

from tests.unit.contracts.samples import CANCELLED, DONE, FAILED, QUESTION, event, snapshot
from toolwire.contracts.events import (
    Accepted,
    Answered,
    Cancelled,
    Current,
    Done,
    Failed,
    InputRequired,
    JobEvent,
    Output,
    Progressed,
    Retrying,
    Started,
    event_of,
    final_event,
)
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.snapshots import JobSnapshot

WAITING = snapshot(status=Status.ACCEPTED, attempt=0, progress=None, started_ms=None)

CASES: dict[EventName, tuple[JobSnapshot, type[Any]]] = {
    EventName.ACCEPTED: (WAITING, Accepted),
    EventName.STARTED: (snapshot(progress=None), Started),
    EventName.PROGRESS: (snapshot(), Progressed),
    EventName.OUTPUT: (snapshot(), Output),
    EventName.INPUT_REQUIRED: (snapshot(status=Status.INPUT_REQUIRED), InputRequired),
    EventName.ANSWERED: (WAITING, Answered),
    EventName.RETRYING: (WAITING, Retrying),
    EventName.DONE: (DONE, Done),
    EventName.ERROR: (FAILED, Failed),
    EventName.CANCELLED: (CANCELLED, Cancelled),
}


@pytest.mark.parametrize("name", EventName)
def test_every_event_has_its_class(name: EventName) -> None:
    data, expected = CASES[name]
    told = event_of(event(event=name, data=data, output=("a",) if name is EventName.OUTPUT else None))
    assert type(told) is expected
    assert told.snapshot == data


def test_the_union_has_no_class_that_no_event_makes_but_the_current_snapshot() -> None:
    assert set(get_args(JobEvent)) == {cls for _, cls in CASES.values()} | {Current}
    assert Current(WAITING).snapshot == WAITING


def test_output_carries_its_pieces() -> None:
    told = event_of(event(event=EventName.OUTPUT, output=["line 1", None]))
    assert told == Output(snapshot(), ("line 1", None))


def test_a_question_is_told() -> None:
    asking = snapshot(status=Status.INPUT_REQUIRED)
    match event_of(event(event=EventName.INPUT_REQUIRED, data=asking)):
        case InputRequired(question=question):
            assert question == QUESTION
        case told:
            pytest.fail(f"{told}")


@pytest.mark.parametrize("data", [DONE, FAILED, CANCELLED], ids=lambda data: data.status)
def test_the_final_event_is_told_by_the_final_snapshot(data: JobSnapshot) -> None:
    """An event that was lost is made good by a poll: both give the same event."""
    assert final_event(data) == event_of(event(event=EventName(data.status.value), data=data))


def test_a_job_that_goes_on_has_no_final_event() -> None:
    with pytest.raises(KeyError):
        final_event(snapshot())


def test_events_are_matched() -> None:
    """What users write: classes, and what each of them has."""
    found: list[object] = []
    for name in (EventName.PROGRESS, EventName.DONE, EventName.ERROR):
        match event_of(event(event=name, data=CASES[name][0])):
            case Progressed(progress=progress):
                found.append(progress.fraction)
            case Done(result=result):
                found.append(result)
            case Failed(error=error):
                found.append(error.code)
            case _:
                pass
    assert found == [0.5, {"echo": [1, "é"]}, "internal"]
