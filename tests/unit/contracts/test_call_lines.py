"""The lines of calls are those that `seal` makes, and what the models refuse is refused here too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.unit.contracts import samples
from tests.unit.contracts.samples import DIGEST, ED25519, HMAC, NOW_MS, SIGNERS
from tests.unit.contracts.test_sealing import json_values
from toolwire.contracts.call_lines import seal_request, seal_response
from toolwire.contracts.encoding import JsonText, sendable
from toolwire.contracts.envelopes import Request, Response, Trace
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.jobs import Status
from toolwire.contracts.keys import Signer
from toolwire.contracts.names import MAX_SAFE_INTEGER
from toolwire.contracts.sealing import MAX_LINE_BYTES, seal

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"

OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"tool_rev": DIGEST},
    {"trace": Trace(traceparent=TRACE)},
    {"trace": Trace(traceparent=TRACE, tracestate='a="é\\"')},
    {"tool_rev": DIGEST, "trace": Trace(traceparent=TRACE)},
    {"run_at_ms": NOW_MS + 1},
    {"priority": 0},
    {"priority": -9, "run_at_ms": NOW_MS + 1, "tool_rev": DIGEST, "trace": Trace(traceparent=TRACE)},
    {"deadline_ms": MAX_SAFE_INTEGER},
    {"ts_ms": 0},
    {"tool": "a.b-c_D", "request_id": "r" * 64},
)


def asked(envelope: Request, **changes: Any) -> dict[str, Any]:
    """The fields of a request as `seal_request` takes them."""
    fields: dict[str, Any] = {name: value for name, value in envelope if name not in ("v", "type")}
    return {**fields, "args": sendable(envelope.args), **changes}


def answered(envelope: Response, **changes: Any) -> dict[str, Any]:
    """The fields of a response as `seal_response` takes them."""
    fields: dict[str, Any] = {name: value for name, value in envelope if name not in ("v", "type", "ok")}
    return {**fields, "result": sendable(envelope.result), **changes}


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.kid)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_line_of_a_request_is_that_of_its_model(options: dict[str, Any], signer: Signer) -> None:
    request = samples.request(**options)
    assert seal_request(signer, **asked(request)) == seal(request, signer)


@given(st.dictionaries(st.text(), json_values))
def test_any_arguments_are_in_the_line_as_in_that_of_the_model(args: dict[str, Any]) -> None:
    request = samples.request(args=args)
    assert seal_request(HMAC, **asked(request)) == seal(request, HMAC)


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.kid)
@pytest.mark.parametrize("status", ["ok", *Status])
def test_the_line_of_an_answer_is_that_of_its_model(status: Any, signer: Signer) -> None:
    response = samples.response(status=status)
    assert seal_response(signer, **answered(response)) == seal(response, signer)


@given(json_values)
def test_any_result_is_in_the_line_as_in_that_of_the_model(result: Any) -> None:
    response = samples.response(result=result)
    assert seal_response(HMAC, **answered(response)) == seal(response, HMAC)


def test_the_line_of_a_refusal_is_that_of_its_model() -> None:
    response = samples.response(ok=False, status=Status.ERROR, result=None, error=samples.WIRE_ERROR)
    assert seal_response(ED25519, **answered(response)) == seal(response, ED25519)


BAD_IDS = ("", "a b", "-a", "a\n", 'a","x":"', "é", "a" * 65, "a.b", None, 7, True, b"a")
BAD_TIMES = (-1, MAX_SAFE_INTEGER + 1, True, 1.0, "1", None)


@pytest.mark.parametrize("name", ["server_id", "request_id", "client_id", "reply_to"])
@pytest.mark.parametrize("bad", BAD_IDS, ids=repr)
def test_what_is_no_id_is_refused_in_a_request(name: str, bad: Any) -> None:
    with pytest.raises(ValidationError, match=f"1 validation error for Request\n{name}\n"):
        seal_request(HMAC, **asked(samples.request(), **{name: bad}))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("tool", bad) for bad in ("", "a b", "a\n", "a" * 129, None, 7)),
        *(("nonce", bad) for bad in ("", "A" * 21, "A" * 23, "A" * 21 + "=", "A" * 22 + "\n", None, 7)),
        *(("tool_rev", bad) for bad in ("", "A" * 42, "A" * 44, 7)),
        *(("ts_ms", bad) for bad in BAD_TIMES),
        *(("deadline_ms", bad) for bad in BAD_TIMES),
        ("priority", 10),
        ("run_at_ms", -1),
    ],
)
def test_what_the_model_refuses_in_a_request_is_refused(name: str, bad: Any) -> None:
    with pytest.raises(ValidationError, match=f"1 validation error for Request\n{name}\n"):
        seal_request(HMAC, **asked(samples.request(), **{name: bad}))


@pytest.mark.parametrize("name", ["server_id", "request_id", "client_id"])
@pytest.mark.parametrize("bad", BAD_IDS, ids=repr)
def test_what_is_no_id_is_refused_in_an_answer(name: str, bad: Any) -> None:
    with pytest.raises(ValidationError, match=f"1 validation error for Response\n{name}\n"):
        seal_response(HMAC, **answered(samples.response(), **{name: bad}))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *(("ts_ms", bad) for bad in BAD_TIMES),
        *(("request_digest", bad) for bad in ("", "A" * 42, "A" * 44, "A" * 43 + "\n", None, 7)),
        *(("status", bad) for bad in ("", "OK", "ok\n", "working", 'ok","x":"', None, 1)),
    ],
)
def test_what_the_model_refuses_in_an_answer_is_refused(name: str, bad: Any) -> None:
    with pytest.raises(ValidationError, match=f"for Response\n{name}"):
        seal_response(HMAC, **answered(samples.response(), **{name: bad}))


def test_an_answer_with_an_error_has_no_result_and_no_other_status() -> None:
    wrongs: tuple[dict[str, Any], ...] = ({"result": JsonText("1"), "status": Status.ERROR}, {"status": "ok"})
    for wrong in wrongs:
        with pytest.raises(ValidationError, match="1 validation error for Response"):
            seal_response(HMAC, **answered(samples.response(result=None), error=samples.WIRE_ERROR, **wrong))


def test_a_line_over_the_size_of_a_message_is_refused() -> None:
    text = sendable({"a": "x" * MAX_LINE_BYTES})
    with pytest.raises(DefinitionError, match=r"^this request has 10\d+ bytes; a message holds at most "):
        seal_request(HMAC, **asked(samples.request(), args=text))
    with pytest.raises(DefinitionError, match=r"^this response has 10\d+ bytes; a message holds at most "):
        seal_response(HMAC, **answered(samples.response(), result=text))
