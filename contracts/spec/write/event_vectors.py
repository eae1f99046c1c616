"""Events, as the owner of the job reads them: `vectors/event.json`."""

from collections.abc import Iterator
from typing import Any

from spec.write.client_side import (
    ASKED,
    AWAITED,
    CLIENTS_KEYRING,
    ERROR,
    SNAPSHOT,
    UNASKED,
    in_both_files,
)
from spec.write.field_vectors import DIGEST, ID, INHERITED, TIME
from spec.write.keys import NOW_MS
from spec.write.lines import HOLE, Vector, accepted, compact, refused, replaced, sealed, with_raw, without
from spec.write.shape_vectors import Subject

EVENT: dict[str, Any] = {
    "v": "toolwire/1",
    "type": "event",
    "request_id": "r1",
    "request_digest": ASKED,
    "ts_ms": NOW_MS,
    "client_id": "client-1",
    "server_id": "server-1",
    "event": "started",
    "data": SNAPSHOT,
}
_OVER: dict[str, Any] = {"final": True, "poll_after_ms": None}

SUBJECT = Subject(
    type="event",
    envelope=EVENT,
    open={**EVENT, "event": "done", "data": {**SNAPSHOT, "status": "done", "result": HOLE, **_OVER}},
    ed="server-1.ed",
    mac="client-1.mac",
    plain="client-1.mac",
    unexpected=("request", "control"),
)

ABOUT = """\
Events as client-1 reads them in its reply queue, where responses and events arrive. Every line is checked \
by itself, at the time `now_ms`. `keyring`: the keys that client-1 knows, and the server that each one \
stands for; the keys themselves are in keys.json. `followed`: the jobs that client-1 follows; `digests` \
are those of the request that made the job, or null where client-1 does not know them all, and `seq` is \
that of the last event that it took. `awaited`: what client-1 has sent and has no answer to; an event may \
come before the answer. `accepted`: the event is told; `payload` is the signed text P, `envelope` what P \
says. `refused`: the line is dropped, and `reason` is the word under which it is counted. There is never \
an answer to it, so that the code is null. Numbers are compared by value; those in `envelope` may be too \
large for a program that reads JSON numbers as doubles."""


def event_file() -> dict[str, Any]:
    """What stands in event.json."""
    return {
        "about": ABOUT,
        "now_ms": NOW_MS,
        "client_id": "client-1",
        "keyring": CLIENTS_KEYRING,
        "followed": [
            {"server_id": "server-1", "job_id": "j1", "digests": [ASKED], "seq": 1},
            {"server_id": "server-1", "job_id": "j2", "digests": None, "seq": 5},
        ],
        "awaited": AWAITED,
        "vectors": list(_vectors()),
    }


def _vectors() -> Iterator[Vector]:
    yield from _good()
    yield from in_both_files(SUBJECT, _SOME_JSON, _FIELDS)
    yield from _bad_snapshots()
    yield from _unlike_their_snapshots()
    yield from _not_for_this_client()


_SOME_JSON = (
    *("a character beyond the BMP as two escapes", "a member that looks like the end of a line"),
    "a number in 200 containers",
)


def _event(event: str, snapshot: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return replaced(EVENT, event=event, data={**SNAPSHOT, **snapshot}, **changes)


def _take(name: str, envelope: dict[str, Any], kid: str = "client-1.mac") -> Vector:
    return accepted(name, compact(envelope), kid, "event", envelope)


def _drop(
    name: str, reason: str, envelope: dict[str, Any], kid: str = "client-1.mac", type_: str = "event"
) -> Vector:
    return refused(name, sealed(compact(envelope), kid, type_), reason)


_HALF = {"fraction": 0.5, "message": "half"}
_DUE = {"status": "accepted", "due_ms": NOW_MS + 1000}
_WAITING = {**_DUE, "attempt": 0, "started_ms": None}
_QUESTION = {"key": "Approval", "prompt": "Go on?", "answer_schema": {"type": "object"}}
_ASKING = {"status": "input_required", "question": _QUESTION}
_DONE = {"status": "done", "result": {"pages": 3}, **_OVER}
_FAILED = {"status": "error", "error": ERROR, **_OVER}
_CANCELLED = {"status": "cancelled", "error": {**ERROR, "code": "cancelled"}, **_OVER}


def _good() -> Iterator[Vector]:
    yield _take("started, Ed25519", EVENT, "server-1.ed")
    yield _take("started, HS256", EVENT)
    yield _take("accepted", _event("accepted", _WAITING))
    yield _take("progress", _event("progress", {"progress": _HALF}))
    yield _take("progress: nothing yet", _event("progress", {"progress": {"fraction": 0, "message": ""}}))
    yield _take("progress: everything", _event("progress", {"progress": {"fraction": 1.0, "message": ""}}))
    yield _take("progress: without a message", _event("progress", {"progress": {"fraction": 0.5}}))
    long = {"fraction": 0.5, "message": "\U0001f600" * 500}
    yield _take("progress: 500 characters beyond the BMP", _event("progress", {"progress": long}))
    yield _take("output", _event("output", {}, output=[{"page": 1}]))
    yield _take("output: many pieces, some null", _event("output", {}, output=[None, "a", [1], None]))
    yield _take("input_required", _event("input_required", _ASKING))
    smallest: dict[str, Any] = {"key": "1", "prompt": "", "answer_schema": {}}
    yield _take(
        "input_required: the smallest question", _event("input_required", {**_ASKING, "question": smallest})
    )
    longest = {"key": "a" + "._-" * 21, "prompt": "\U0001f600" * 2000, "answer_schema": {"type": "null"}}
    yield _take(
        "input_required: the longest words", _event("input_required", {**_ASKING, "question": longest})
    )
    yield _take("answered", _event("answered", _DUE))
    yield _take("started: the output is null", _event("started", {}, output=None))
    yield _take("retrying", _event("retrying", _DUE))
    yield _take("done", _event("done", _DONE))
    yield _take("done: with no result", _event("done", {**_DONE, "result": None}))
    yield _take("error", _event("error", _FAILED))
    yield _take("error: interrupted", _event("error", {**_FAILED, "error": {**ERROR, "code": "interrupted"}}))
    yield _take("cancelled", _event("cancelled", _CANCELLED))
    yield _take("an event was missed", _event("started", {"seq": 9}))
    yield _take(
        "a job whose request others may have sent",
        _event("started", {"job_id": "j2", "seq": 6}, request_digest=UNASKED),
    )
    yield _take(
        "before the answer to the submission", _event("accepted", {**_WAITING, "job_id": "j3", "seq": 1})
    )


_FIELDS = {
    "request_id": ID,
    "request_digest": DIGEST,
    "client_id": ID,
    "server_id": ID,
    "ts_ms": TIME,
    "event": {
        "a word that nobody knows": '"finished"',
        "in capitals": '"DONE"',
        "a status that is no event": '"running"',
        "a word that some languages know of every object": '"constructor"',
        "null": "null",
    },
    "data": {"empty": "{}", "null": "null", "an array": "[]"},
    "v": {"a later one": '"toolwire/2"', "null": "null"},
    "type": {"of a response": '"response"', "null": "null"},
}
_SNAPSHOT_FIELDS = {
    "job_id": ID,
    "server_id": {"with a dot": '"server-1.x"', "null": "null"},
    "tool": {
        "empty": '""',
        "with a space": '"a b"',
        "of 129 characters": '"' + "a" * 129 + '"',
        "null": "null",
    },
    "status": {"a word that nobody knows": '"waiting"', "ok": '"ok"', "null": "null"},
    "attempt": {
        "negative": "-1",
        "with a fraction of 0": "1.0",
        "true": "true",
        "as text": '"1"',
        "null": "null",
    },
    "seq": {"negative": "-1", "with a fraction of 0": "2.0", "2^53": "9007199254740992", "null": "null"},
    "created_ms": TIME,
    "updated_ms": TIME,
    "deadline_ms": TIME,
    "started_ms": {name: raw for name, raw in TIME.items() if name != "null"},
    "due_ms": {name: raw for name, raw in TIME.items() if name != "null"},
    "question": {
        "that is empty": "{}",
        "as text": '"Go on?"',
        "without a schema": '{"key":"a","prompt":""}',
        "with a schema that is true": '{"answer_schema":true,"key":"a","prompt":""}',
        "with a key with a space": '{"answer_schema":{},"key":"a b","prompt":""}',
        "with a key of 65 characters": '{"answer_schema":{},"key":"' + "a" * 65 + '","prompt":""}',
        "with a prompt of 2001 characters": '{"answer_schema":{},"key":"a","prompt":"' + "a" * 2001 + '"}',
        "with a field that nobody knows": '{"answer_schema":{},"key":"a","prompt":"","x":1}',
    },
    "poll_after_ms": {"negative": "-1", "with a fraction": "0.5"},
    "final": {"0": "0", "as text": '"false"', "null": "null"},
    "progress": {
        "empty": "{}",
        "below 0": '{"fraction":-0.1,"message":""}',
        "above 1": '{"fraction":1.1,"message":""}',
        "true": '{"fraction":true,"message":""}',
        "as text": '{"fraction":"0.5","message":""}',
        "with a message of 501 characters": '{"fraction":0.5,"message":"' + "a" * 501 + '"}',
        "with a message that is null": '{"fraction":0.5,"message":null}',
        "with a field that nobody knows": '{"fraction":0.5,"message":"","x":1}',
        "as a number": "0.5",
    },
}


def _bad_snapshots() -> Iterator[Vector]:
    for name in SNAPSHOT:
        envelope = replaced(EVENT, data=without(SNAPSHOT, name))
        yield _drop(f"snapshot: without {name}", "invalid_envelope", envelope)
    for name in ("x", *INHERITED):
        more = replaced(EVENT, data={**SNAPSHOT, name: {"x": 1}})
        yield _drop(f"snapshot: a field too many, {name}", "invalid_envelope", more)
    for field, texts in _SNAPSHOT_FIELDS.items():
        for name, raw in texts.items():
            payload = with_raw(replaced(EVENT, data={**SNAPSHOT, field: HOLE}), raw)
            line = sealed(payload, "client-1.mac", "event")
            yield refused(f"snapshot: {field} {name}", line, "invalid_envelope")


def _unlike_their_snapshots() -> Iterator[Vector]:
    for name, envelope in (
        ("done, and the job runs", _event("done", {})),
        ("done, and the job is cancelled", _event("done", _CANCELLED)),
        ("error, and the job is done", _event("error", _DONE)),
        ("cancelled, and the job is done", _event("cancelled", _DONE)),
        ("accepted, and the job runs", _event("accepted", {})),
        ("retrying, and the job runs", _event("retrying", {})),
        ("started, and the job waits", _event("started", _WAITING)),
        ("started, and the job is done", _event("started", _DONE)),
        ("progress, and the job is done", _event("progress", {**_DONE, "progress": _HALF})),
        ("output, and the job is done", _event("output", _DONE, output=[1])),
        ("output without pieces", _event("output", {})),
        ("output that is null", _event("output", {}, output=None)),
        ("output that is empty", _event("output", {}, output=[])),
        ("output that is no array", _event("output", {}, output={"page": 1})),
        ("input_required, and the job runs", _event("input_required", {})),
        ("input_required, and it waits to be taken", _event("input_required", _DUE)),
        ("answered, and the job still asks", _event("answered", _ASKING)),
        ("a question is missing", _event("input_required", {"status": "input_required"})),
        ("a running job with a question", _event("started", {"question": _QUESTION})),
        ("a waiting job that is not due at any time", _event("accepted", {**_WAITING, "due_ms": None})),
        ("a running job that is due", _event("started", {"due_ms": NOW_MS})),
        ("a parked job that is due", _event("input_required", {**_ASKING, "due_ms": NOW_MS})),
        ("a parked job with a result", _event("input_required", {**_ASKING, "result": 1})),
        ("done with an error", _event("done", {**_DONE, "error": ERROR})),
        ("error with a result", _event("error", {**_FAILED, "result": {"pages": 3}})),
        ("running with a result", _event("started", {"result": {"pages": 3}})),
        ("running with an error", _event("started", {"error": ERROR})),
        ("retrying with an error", _event("retrying", {**_DUE, "error": ERROR})),
        ("cancelled, and nothing says why", _event("cancelled", {**_CANCELLED, "error": None})),
        ("over and to be polled", _event("done", {**_DONE, "poll_after_ms": 5000})),
        ("running and not to be polled", _event("started", {"poll_after_ms": None})),
        ("progress without progress", _event("progress", {})),
        ("output with another event", _event("started", {}, output=[1])),
        ("output with the end", _event("done", _DONE, output=[{"page": 1}])),
        ("done, not final and to be polled", _event("done", {**_DONE, "final": False, "poll_after_ms": 1})),
        ("running, final and not to be polled", _event("started", _OVER)),
        (
            "done without the field result",
            replaced(EVENT, event="done", data=without({**SNAPSHOT, **_DONE}, "result")),
        ),
        (
            "error without the field error",
            replaced(EVENT, event="error", data=without({**SNAPSHOT, **_FAILED}, "error")),
        ),
        ("done and not final", _event("done", {**_DONE, "final": False})),
        ("running and final", _event("started", {"final": True})),
        ("an error that says nothing", _event("error", {**_FAILED, "error": None})),
        (
            "an error with a code that nobody knows",
            _event("error", {**_FAILED, "error": {**ERROR, "code": "x"}}),
        ),
    ):
        yield _drop(f"unlike its snapshot: {name}", "invalid_envelope", envelope)


def _not_for_this_client() -> Iterator[Vector]:
    yield _drop("type: signed as a response", "invalid_envelope", EVENT, type_="response")
    yield _drop(
        "whom: a server's key, in another server's name", "foreign_key", replaced(EVENT, server_id="server-2")
    )
    yield _drop("whom: another server's key", "foreign_key", EVENT, "server-2.ed")
    yield _drop("whom: a job of another server", "foreign_job", _event("started", {"server_id": "server-2"}))
    yield _drop("whom: for another client", "not_mine", replaced(EVENT, client_id="client-2"))
    both = _event("started", {"server_id": "server-2"}, client_id="client-2")
    yield _drop("order: a job of another server comes before another client", "foreign_job", both)
    yield _drop("match: the event that was taken last", "duplicate", _event("started", {"seq": 1}))
    yield _drop("match: an older event", "duplicate", _event("started", {"job_id": "j2", "seq": 4}))
    yield _drop(
        "match: a followed job, a digest that is not its request's",
        "unknown_digest",
        replaced(EVENT, request_digest=UNASKED),
    )
    stranger = _event("started", {"job_id": "j3"}, request_digest=UNASKED)
    yield _drop("match: a job that nobody follows, a digest that nobody waits for", "not_awaited", stranger)
    yield _drop(
        "match: another request under the digest",
        "wrong_request",
        _event("started", {"job_id": "j3"}, request_id="r2"),
    )
    elsewhere = _event("started", {"server_id": "server-2"}, server_id="server-2")
    yield _drop("match: another server than the one that was asked", "wrong_server", elsewhere, "server-2.ed")
    both = replaced(elsewhere, request_id="r2")
    yield _drop("order: another server comes before another request", "wrong_server", both, "server-2.ed")
    both = _event("started", {"seq": 1}, request_digest=UNASKED)
    yield _drop("order: the digest comes before what was taken", "unknown_digest", both)
