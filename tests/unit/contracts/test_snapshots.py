"""A snapshot is equal to itself over the wire, and never contradicts itself."""

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from tests.unit.contracts.samples import (
    CANCELLED,
    DONE,
    FAILED,
    HMAC,
    KEYS,
    NOW_MS,
    QUESTION,
    WIRE_ERROR,
    event,
    response,
    snapshot,
)
from tests.unit.contracts.test_sealing import json_values
from toolwire.contracts.encoding import canonical, parse
from toolwire.contracts.envelopes import Event, Response
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.sealing import seal, unseal
from toolwire.contracts.snapshots import JobSnapshot, Progress


@pytest.mark.promise("P7")
@given(result=json_values)
def test_the_event_equals_the_poll(result: Any) -> None:
    """The same snapshot in an event and in the answer to a poll arrives as the same value."""
    sent = snapshot(status=Status.DONE, final=True, result=result, poll_after_ms=None)
    told = unseal(seal(event(event=EventName.DONE, data=sent), HMAC), KEYS, Event, NOW_MS)
    polled = unseal(
        seal(response(status=Status.DONE, result=parse(canonical(vars(sent), default=vars).encode())), HMAC),
        KEYS,
        Response,
        NOW_MS,
    )
    assert told.data == sent
    assert JobSnapshot.model_validate_json(canonical(polled.result)) == sent


@pytest.mark.parametrize(
    "whole",
    [snapshot(), snapshot(status=Status.INPUT_REQUIRED), DONE, FAILED, CANCELLED],
    ids=lambda whole: whole.status,
)
def test_a_snapshot_comes_back_from_json(whole: JobSnapshot) -> None:
    assert JobSnapshot.model_validate_json(whole.model_dump_json()) == whole


@pytest.mark.parametrize(
    "wrong",
    [
        {"final": True},
        {"final": True, "poll_after_ms": None},
        {"poll_after_ms": None},
        {"status": Status.DONE, "final": True},
        {"status": Status.DONE, "final": False},
        {"status": Status.ERROR, "final": True, "poll_after_ms": None},
        {"status": Status.CANCELLED, "final": True, "poll_after_ms": None},
        {"status": Status.ACCEPTED, "error": WIRE_ERROR},
        {"status": Status.DONE, "final": True, "poll_after_ms": None, "error": WIRE_ERROR},
        {"result": 1},
        {"status": Status.ERROR, "final": True, "poll_after_ms": None, "error": WIRE_ERROR, "result": 1},
        {"status": "gone"},
        {"due_ms": NOW_MS},
        {"status": Status.ACCEPTED, "due_ms": None},
        {"question": QUESTION},
        {"status": Status.INPUT_REQUIRED, "question": None},
        {"status": Status.INPUT_REQUIRED, "due_ms": NOW_MS},
        {"attempt": -1},
        {"seq": True},
        {"progress": {"fraction": 1.1}},
        {"progress": {"fraction": float("nan")}},
        {"progress": {"fraction": 0.5, "message": "m" * 501}},
        {"error": {"code": "internal"}},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_snapshot_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        snapshot(**wrong)


def test_progress_goes_from_nothing_to_all() -> None:
    assert [Progress(fraction=fraction).fraction for fraction in (0, 1, 0.5)] == [0, 1, 0.5]
