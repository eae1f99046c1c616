"""The life of a job: the table is complete, and obeys the rules above it."""

import pytest

from toolwire.contracts.jobs import (
    FINAL,
    FINAL_EVENTS,
    MCP_TASK_STATUS,
    TRANSITIONS,
    EventName,
    Status,
    Trigger,
    diagram,
    sources,
    step,
)


@pytest.mark.parametrize("status", Status)
def test_every_status_is_entered_and_every_open_one_is_left(status: Status) -> None:
    entered = status in {target for target, _ in TRANSITIONS.values()}
    left = status in {source for source, _ in TRANSITIONS}
    assert entered
    assert left == (not status.final)


@pytest.mark.parametrize("trigger", Trigger)
def test_every_trigger_moves_something(trigger: Trigger) -> None:
    assert trigger in {name for _, name in TRANSITIONS}


@pytest.mark.parametrize("event", EventName)
def test_every_event_is_told_by_some_transition(event: EventName) -> None:
    assert event in {told for _, told in TRANSITIONS.values()}


def test_what_is_final_has_no_way_out() -> None:
    assert {Status.DONE, Status.ERROR, Status.CANCELLED} == FINAL
    assert all(status.final == (status in FINAL) for status in Status)
    for status in FINAL:
        for trigger in Trigger:
            with pytest.raises(KeyError):
                step(status, trigger)


def test_whatever_waits_can_expire_and_be_cancelled() -> None:
    """No open job can be stuck: its deadline and its caller always reach it."""
    for status in set(Status) - FINAL:
        assert step(status, Trigger.EXPIRE) == (Status.ERROR, EventName.ERROR)
        assert step(status, Trigger.CANCEL) == (Status.CANCELLED, EventName.CANCELLED)


@pytest.mark.parametrize("target", sorted(FINAL))
def test_a_final_event_is_named_as_the_status_that_it_leads_to(target: Status) -> None:
    told = {event for status, event in TRANSITIONS.values() if status is target}
    assert {event.value for event in told} == {target.value}
    assert told <= FINAL_EVENTS
    assert len(FINAL_EVENTS) == len(FINAL)


def test_a_job_is_born_once() -> None:
    assert [trigger for status, trigger in TRANSITIONS if status is None] == [Trigger.ACCEPT]
    assert step(None, Trigger.ACCEPT) == (Status.ACCEPTED, EventName.ACCEPTED)
    assert sources(Trigger.ACCEPT) == ()


def test_sources_are_where_a_trigger_may_happen() -> None:
    assert sources(Trigger.TAKE) == (Status.ACCEPTED,)
    assert sources(Trigger.CANCEL) == (Status.ACCEPTED, Status.RUNNING, Status.INPUT_REQUIRED)


def test_every_status_has_a_word_in_mcp() -> None:
    assert MCP_TASK_STATUS == {
        "accepted": "working",
        "running": "working",
        "input_required": "input_required",
        "done": "completed",
        "error": "failed",
        "cancelled": "cancelled",
    }
    assert set(MCP_TASK_STATUS) == set(Status)


def test_the_diagram_is_the_table() -> None:
    """Pinned whole: the docs embed it."""
    assert diagram() == (
        "stateDiagram-v2\n"
        "    [*] --> accepted: accept\n"
        "    accepted --> running: take\n"
        "    accepted --> error: expire\n"
        "    accepted --> cancelled: cancel\n"
        "    running --> running: progress\n"
        "    running --> running: emit\n"
        "    running --> input_required: ask\n"
        "    running --> accepted: retry\n"
        "    running --> done: succeed\n"
        "    running --> error: fail\n"
        "    running --> error: expire\n"
        "    running --> cancelled: cancel\n"
        "    input_required --> accepted: answer\n"
        "    input_required --> error: expire\n"
        "    input_required --> cancelled: cancel\n"
        "    done --> [*]\n"
        "    error --> [*]\n"
        "    cancelled --> [*]"
    )
