"""Responses, as the client that asked reads them: `vectors/response.json`."""

from collections.abc import Iterator
from typing import Any

from spec.write.client_side import (
    ASKED,
    ASKED_AGAIN,
    AWAITED,
    CLIENTS_KEYRING,
    ERROR,
    SNAPSHOT,
    UNASKED,
    in_both_files,
)
from spec.write.error_vectors import BAD_ERRORS, FINAL_CODES, GOOD_ERRORS, RETRYABLE_CODES, UNHEARD_CODE
from spec.write.field_vectors import DIGEST, ID, TIME
from spec.write.keys import NOW_MS
from spec.write.lines import HOLE, Vector, accepted, compact, digest, refused, replaced, sealed, text, without
from spec.write.request_vectors import REQUEST
from spec.write.shape_vectors import Subject

RESPONSE: dict[str, Any] = {
    "v": "toolwire/1",
    "type": "response",
    "request_id": "r1",
    "request_digest": ASKED,
    "ts_ms": NOW_MS,
    "client_id": "client-1",
    "server_id": "server-1",
    "ok": True,
    "status": "ok",
    "result": None,
    "error": None,
}
SUBJECT = Subject(
    type="response",
    envelope=RESPONSE,
    open={**RESPONSE, "result": {"x": HOLE}},
    ed="server-1.ed",
    mac="client-1.mac",
    plain="client-1.mac",
    unexpected=("request", "control"),
)

ABOUT = """\
Responses as client-1 reads them in its reply queue, where responses and events arrive. Every line is \
checked by itself, at the time `now_ms`. `keyring`: the keys that client-1 knows, and the server that each \
one stands for; the keys themselves are in keys.json. `awaited`: what client-1 has sent and has no answer \
to, by the digests of all attempts; where `told_to_try_again` is true, a signed error with `retryable` \
true has come for that attempt already. `accepted`: the line answers the request; `payload` is the signed \
text P, `envelope` what P says. `refused`: the line is dropped, and `reason` is the word under which it is \
counted. There is never an answer to it, so that the code is null. Numbers are compared by value; those in \
`envelope` may be too large for a program that reads JSON numbers as doubles."""


def response_file() -> dict[str, Any]:
    """What stands in response.json."""
    return {
        "about": ABOUT,
        "now_ms": NOW_MS,
        "client_id": "client-1",
        "keyring": CLIENTS_KEYRING,
        "awaited": AWAITED,
        "vectors": list(_vectors()),
    }


def _vectors() -> Iterator[Vector]:
    yield from _good()
    yield from _errors()
    yield from in_both_files(SUBJECT, _SOME_JSON, _FIELDS)
    yield from _not_an_answer()


_SOME_JSON = (
    *("a character beyond the BMP as two escapes", "keys that are special in some languages"),
    *("integers beyond 2^53", "minus 0", "the end of a line as text"),
    "a member that looks like the end of a line",
)


def _take(name: str, *, kid: str = "client-1.mac", **changes: Any) -> Vector:
    envelope = replaced(RESPONSE, **changes)
    return accepted(name, compact(envelope), kid, "response", envelope)


def _drop(
    name: str, reason: str, *, kid: str = "client-1.mac", type_: str = "response", **changes: Any
) -> Vector:
    return refused(name, sealed(compact(replaced(RESPONSE, **changes)), kid, type_), reason)


def _good() -> Iterator[Vector]:
    yield _take("the smallest, Ed25519", kid="server-1.ed")
    yield _take("the smallest, HS256")
    yield _take("to another attempt of the request", request_digest=ASKED_AGAIN)
    yield _take("a result", result={"count": 3, "total": 6.5, "list": [True, False, None, "\u00e9"]})
    for result in ("text", "", 0, 0.5, False, True, [], [1]):
        yield _take(f"a result that is no object, {text(result)}", result=result)
    yield _take("signed long ago", ts_ms=0)
    yield _take("a submission is accepted", status="accepted", result={"job_id": "j1"})
    for status, more in (
        ("accepted", {"attempt": 0, "seq": 1, "started_ms": None, "due_ms": NOW_MS}),
        ("running", {"progress": {"fraction": 0.5, "message": "half"}}),
        (
            "input_required",
            {"question": {"key": "a", "prompt": "Go on?", "answer_schema": {"type": "object"}}},
        ),
        ("done", {"final": True, "result": [1], "poll_after_ms": None}),
        ("error", {"final": True, "error": ERROR, "poll_after_ms": None}),
        ("cancelled", {"final": True, "error": {**ERROR, "code": "cancelled"}, "poll_after_ms": None}),
    ):
        yield _take(f"a poll: {status}", status=status, result={**SNAPSHOT, "status": status, **more})


def _errors() -> Iterator[Vector]:
    failed: dict[str, Any] = {"ok": False, "status": "error"}
    plain = {code: {**ERROR, "code": code} for code in FINAL_CODES}
    for name, error in {**plain, **GOOD_ERRORS}.items():
        yield _take(f"error: {name}", **failed, error=error)
    for code in RETRYABLE_CODES:
        error = {**ERROR, "code": code, "retryable": True, "retry_after_ms": 500}
        yield _take(f"error: {code}", request_digest=ASKED_AGAIN, **failed, error=error)
        yield _drop(f"match: {code}, once more for the same attempt", "repeated", **failed, error=error)
    yield from _refusals(failed)
    for name, error in BAD_ERRORS.items():
        yield _drop(f"bad error: {name}", "invalid_envelope", **failed, error=error)
    yield _drop("outcome: ok and an error", "invalid_envelope", error=ERROR)
    yield _drop("outcome: neither ok nor an error", "invalid_envelope", **failed)
    silent = compact(without({**RESPONSE, **failed}, "error"))
    line = sealed(silent, "client-1.mac", "response")
    yield refused("outcome: not ok, without the field error", line, "invalid_envelope")
    for status in ("ok", "accepted", "running", "done", "cancelled"):
        refusal: dict[str, Any] = {"ok": False, "status": status, "error": ERROR}
        yield _drop(f"outcome: an error, and the status {status}", "invalid_envelope", **refusal)
    yield _drop(
        "outcome: an error and a result", "invalid_envelope", **failed, error=ERROR, result={"pages": 3}
    )


def _refusals(failed: dict[str, Any]) -> Iterator[Vector]:
    """What counts of a refusal is `retryable`, not its code; but one code is never heard."""
    unheard = {**ERROR, "code": UNHEARD_CODE}
    yield _drop(f"match: {UNHEARD_CODE}", "wrong_destination", **failed, error=unheard)
    tempting = {**unheard, "retryable": True}
    name = f"order: {UNHEARD_CODE} comes before what was said already"
    yield _drop(name, "wrong_destination", **failed, error=tempting)
    for name, changes, reason in (
        ("the digest", {"request_digest": UNASKED}, "not_awaited"),
        ("the request's id", {"request_id": "r2"}, "wrong_request"),
    ):
        yield _drop(f"order: {name} comes before {UNHEARD_CODE}", reason, **failed, error=unheard, **changes)
    again = {**ERROR, "code": "internal", "retryable": True}
    yield _drop("match: any code that is retryable, once more", "repeated", **failed, error=again)
    once = {**ERROR, "code": "overloaded"}
    yield _take("error: overloaded and not retryable", **failed, error=once)


_FIELDS = {
    "request_id": ID,
    "request_digest": DIGEST,
    "client_id": ID,
    "server_id": ID,
    "ts_ms": TIME,
    "ok": {"1": "1", "as text": '"true"', "null": "null"},
    "status": {
        "a word that nobody knows": '"failed"',
        "in capitals": '"OK"',
        "empty": '""',
        "null": "null",
        "an event's word": '"started"',
        "a word that some languages know of every object": '"constructor"',
    },
    "v": {"a later one": '"toolwire/2"', "a number": "1", "null": "null"},
    "type": {"of a request": '"request"', "of an event": '"event"', "null": "null"},
}


def _not_an_answer() -> Iterator[Vector]:
    yield _drop("type: signed as an event", "invalid_envelope", type_="event")
    reflected = sealed(compact(REQUEST), "client-1.mac", "request")
    yield refused("type: the client's own request, sent back", reflected, "bad_signature")
    yield _drop("type: the client's own request, signed as a response", "invalid_envelope", type="request")
    yield _drop(
        "whom: a server's key, in another server's name",
        "foreign_key",
        server_id="server-2",
        kid="server-1.ed",
    )
    yield _drop("whom: a secret, in another server's name", "foreign_key", server_id="server-2")
    yield _drop("whom: another server's key", "foreign_key", kid="server-2.ed")
    yield _drop("whom: the secret that is shared with another server", "foreign_key", kid="client-1.mac-2")
    yield _drop("whom: for another client", "not_mine", client_id="client-2")
    yield _drop(
        "order: another server's key comes before another client",
        "foreign_key",
        kid="server-2.ed",
        client_id="client-2",
    )
    yield _drop(
        "order: another client comes before the digest",
        "not_mine",
        client_id="client-2",
        request_digest=UNASKED,
    )
    yield _drop("match: a digest that nobody waits for", "not_awaited", request_digest=UNASKED)
    yield _drop(
        "match: another server than the one that was asked",
        "wrong_server",
        kid="server-2.ed",
        server_id="server-2",
    )
    yield _drop("match: another request under the digest", "wrong_request", request_id="r2")
    elsewhere: dict[str, Any] = {"kid": "server-2.ed", "server_id": "server-2", "request_id": "r2"}
    yield _drop("order: another server comes before another request", "wrong_server", **elsewhere)
    of_the_text = digest(compact(REQUEST))
    yield _drop("match: the digest of the signed text alone", "not_awaited", request_digest=of_the_text)
    capital = ASKED.swapcase()
    yield _drop("match: the digest in other letters", "not_awaited", request_digest=capital)
