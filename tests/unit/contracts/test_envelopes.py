"""What the four envelopes say, and what they leave off the wire."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.contracts.samples import (
    DIGEST,
    DONE,
    ENVELOPES,
    FAILED,
    NOW_MS,
    WIRE_ERROR,
    control,
    event,
    request,
    response,
    snapshot,
)
from toolwire.contracts.envelopes import Envelope, Response, Trace
from toolwire.contracts.jobs import EventName, Status

TRACE = Trace(traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", tracestate="k=v")


@pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda envelope: envelope.TYPE)
def test_the_text_is_canonical_and_reads_back(envelope: Envelope) -> None:
    text = envelope.payload()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert type(envelope).model_validate_json(text, strict=True) == envelope
    assert json.loads(text)["type"] == envelope.TYPE


def test_the_fields_are_those_of_the_protocol() -> None:
    common = {"v", "type", "ts_ms", "server_id"}
    to_client = common | {"request_id", "request_digest", "client_id"}
    assert [set(json.loads(envelope.payload())) for envelope in ENVELOPES] == [
        common | {"request_id", "nonce", "deadline_ms", "client_id", "tool", "args", "reply_to"},
        to_client | {"ok", "status", "result", "error"},
        to_client | {"event", "data"},
        common | {"action", "data"},
    ]


def test_optional_fields_are_sent_when_they_are_there() -> None:
    sent = json.loads(request(tool_rev=DIGEST, run_at_ms=NOW_MS, priority=0, trace=TRACE).payload())
    assert (sent["run_at_ms"], sent["priority"]) == (NOW_MS, 0)
    assert sent["tool_rev"] == DIGEST
    assert sent["trace"] == TRACE.model_dump()
    assert json.loads(event(event=EventName.OUTPUT, output=[1]).payload())["output"] == [1]
    assert json.loads(response(result=None).payload())["result"] is None


def test_errors_and_snapshots_are_written_whole() -> None:
    sent = json.loads(response(ok=False, status=Status.ERROR, result=None, error=WIRE_ERROR).payload())
    assert sent["error"] == WIRE_ERROR.model_dump(mode="json")
    assert json.loads(event(event=EventName.ERROR, data=FAILED).payload())["data"] == FAILED.model_dump(
        mode="json"
    )


@pytest.mark.parametrize("status", [*Status, "ok"])
def test_a_response_has_a_jobs_status_or_ok(status: str) -> None:
    again = Response.model_validate_json(response(status=status).payload())
    assert again.status == status
    assert isinstance(again.status, Status) == (status != "ok")


@pytest.mark.parametrize("status", ["OK", "working", "", None, 1])
def test_no_other_status_is_read(status: Any) -> None:
    with pytest.raises(ValidationError):
        response(status=status)


def test_a_response_has_exactly_one_outcome() -> None:
    with pytest.raises(ValidationError, match="never both and never neither"):
        response(error=WIRE_ERROR)
    with pytest.raises(ValidationError, match="never both and never neither"):
        response(ok=False)


@pytest.mark.parametrize("status", sorted({*Status, "ok"} - {Status.ERROR}))
def test_a_refusal_has_the_status_error(status: str) -> None:
    with pytest.raises(ValidationError, match="has the status `error`"):
        response(ok=False, status=status, error=WIRE_ERROR, result=None)


def test_a_refusal_has_no_result() -> None:
    assert response(ok=False, status=Status.ERROR, error=WIRE_ERROR, result=None).error == WIRE_ERROR
    with pytest.raises(ValidationError, match="no result"):
        response(ok=False, status=Status.ERROR, error=WIRE_ERROR)


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": EventName.DONE},
        {"event": EventName.DONE, "data": FAILED},
        {"event": EventName.CANCELLED, "data": DONE},
        {"event": EventName.ACCEPTED},
        {"event": EventName.RETRYING},
        {"event": EventName.STARTED, "data": DONE},
        {"event": EventName.OUTPUT, "data": DONE},
        {"event": EventName.PROGRESS, "data": snapshot(progress=None)},
        {"event": EventName.STARTED, "output": ("x",)},
        {"event": EventName.OUTPUT},
        {"event": EventName.OUTPUT, "output": ()},
        {"event": EventName.INPUT_REQUIRED},
        {"event": EventName.ANSWERED},
    ],
)
def test_an_event_does_not_contradict_its_snapshot(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event(**wrong)


@pytest.mark.parametrize(
    "traceparent", ["", "00-a-b-01", "00-" + "A" * 32 + "-" + "b" * 16 + "-01", TRACE.traceparent + "\n"]
)
def test_a_trace_has_the_shape_of_w3c(traceparent: str) -> None:
    with pytest.raises(ValidationError):
        Trace(traceparent=traceparent)


def test_envelopes_do_not_change() -> None:
    for envelope in (request(), control()):
        with pytest.raises(ValidationError, match="frozen"):
            envelope.server_id = "other"
