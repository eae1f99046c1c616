"""Errors in responses: those that a client accepts, and those that break their model."""

from typing import Any

from spec.write.client_side import ERROR
from spec.write.lines import without

FINAL_CODES = (
    *("invalid_envelope", "unsupported_version", "forbidden", "wrong_server", "request_id_conflict"),
    *("clock_skew", "expired", "ttl_too_long", "tool_not_available", "tool_changed", "invalid_args"),
    *("tool_error", "internal", "result_invalid", "result_too_large", "deadline_exceeded", "cancelled"),
    *("interrupted", "job_not_found", "invalid_schedule", "time_limit_exceeded", "not_asked"),
)
RETRYABLE_CODES = ("rate_limited", "overloaded", "unavailable")
UNHEARD_CODE = "wrong_destination"
"""Whoever captured a request can have it refused so, by sending it to another tool's key."""

_COMPLAINT = {"path": "/numbers/0", "type": "too_short", "message": "Give one"}

GOOD_ERRORS: dict[str, Any] = {
    "fields": {**ERROR, "code": "invalid_args", "fields": [_COMPLAINT, {**_COMPLAINT, "path": ""}]},
    "ten fields": {**ERROR, "fields": [{"path": "", "type": "a", "message": ""}] * 10},
    "a reason and data": {**ERROR, "reason": "card_declined", "data": {"left": 0.5}},
    "64 characters beyond the BMP": {**ERROR, "fields": [{**_COMPLAINT, "type": "\U0001f600" * 64}]},
    "no text in the message": {**ERROR, "message": ""},
    "only what an error has to say": {"code": "tool_error", "message": "no", "retryable": False},
    "a message of 2000 characters beyond the BMP": {**ERROR, "message": "\U0001f600" * 2000},
    "a reason of 128 characters": {**ERROR, "reason": "a" * 128},
    "a pause of 0": {**ERROR, "retry_after_ms": 0},
    "the longest complaint": {
        **ERROR,
        "fields": [{"path": "/" + "a" * 199, "type": "a" * 64, "message": "a" * 500}],
    },
}


def _complaining(**changes: Any) -> dict[str, Any]:
    """An error with one complaint that differs from a good one."""
    return {**ERROR, "fields": [{**_COMPLAINT, **changes}]}


BAD_ERRORS: dict[str, Any] = {
    "a code that nobody knows": {**ERROR, "code": "teapot"},
    "a code in capitals": {**ERROR, "code": "EXPIRED"},
    "a code that some languages know of every object": {**ERROR, "code": "constructor"},
    "without a code": without(ERROR, "code"),
    "without a message": without(ERROR, "message"),
    "without a word on trying again": without(ERROR, "retryable"),
    **{f"{name} that is null": {**ERROR, name: None} for name in ("code", "message", "retryable")},
    **{f"{name} that is a number": {**ERROR, name: 1} for name in ("code", "message", "reason", "data")},
    "retryable as 0": {**ERROR, "retryable": 0},
    "a field that nobody knows": {**ERROR, "x": 1},
    "a field that is called constructor": {**ERROR, "constructor": 1},
    "as text": "expired",
    "a message of 2001 characters": {**ERROR, "message": "a" * 2001},
    "a reason of 129 characters": {**ERROR, "reason": "a" * 129},
    "a negative pause": {**ERROR, "retry_after_ms": -1},
    "a pause with a fraction": {**ERROR, "retry_after_ms": 0.5},
    "a pause with a fraction of 0": {**ERROR, "retry_after_ms": 1.0},
    "a pause of 2^53": {**ERROR, "retry_after_ms": 2**53},
    "a pause as text": {**ERROR, "retry_after_ms": "1"},
    "eleven fields": {**ERROR, "fields": [_COMPLAINT] * 11},
    "one complaint that stands in no list": {**ERROR, "fields": _COMPLAINT},
    "a complaint as text": {**ERROR, "fields": ["/numbers/0"]},
    "a complaint that is null": {**ERROR, "fields": [None]},
    "a bad complaint behind a good one": {**ERROR, "fields": [_COMPLAINT, {}]},
    **{
        f"a complaint without {name}": {**ERROR, "fields": [without(_COMPLAINT, name)]} for name in _COMPLAINT
    },
    **{f"a complaint whose {name} is null": _complaining(**{name: None}) for name in _COMPLAINT},
    "a complaint with a field that nobody knows": _complaining(x=1),
    "a path of 201 characters": _complaining(path="/" + "a" * 200),
    "a rule's name of 65 characters beyond the BMP": _complaining(type="\U0001f600" * 65),
    "a complaint's message of 501 characters": _complaining(message="a" * 501),
    "data that is an array": {**ERROR, "data": []},
}
