"""Requests, as a service reads them before it looks at its tools and its store: `vectors/request.json`."""

from collections.abc import Iterator
from typing import Any

from spec.write.field_vectors import DIGEST, ID, TIME, envelopes
from spec.write.json_vectors import bad_json, good_json
from spec.write.keys import NOW_MS
from spec.write.lines import HOLE, Vector, accepted, compact, refused, replaced, sealed, text
from spec.write.shape_vectors import Subject, keys, shape, signatures, spent_keys

SKEW_MS = 30_000
MAX_TTL_MS = 3_600_000
_SHORT_TTL_MS = 60_000
"""Another client's."""

REQUEST: dict[str, Any] = {
    "v": "toolwire/1",
    "type": "request",
    "request_id": "r1",
    "nonce": "AAAAAAAAAAAAAAAAAAAAAA",
    "ts_ms": NOW_MS,
    "deadline_ms": NOW_MS + 10_000,
    "client_id": "client-1",
    "server_id": "server-1",
    "tool": "add",
    "args": {},
    "reply_to": "i1",
}
SUBJECT = Subject(
    type="request",
    envelope=REQUEST,
    open={**REQUEST, "args": {"x": HOLE}},
    ed="client-1.ed",
    mac="client-1.mac",
    plain="client-1.mac",
    unexpected=("response", "event", "control"),
)

ABOUT = """\
Requests as server-1 reads them, until it would look at its tools and its store. Every line is checked by \
itself, at the time `now_ms`, as the one line of a message that came under `routing_key`. `keyring`: the \
keys that server-1 knows, and the client that each one stands for; the keys themselves are in keys.json. \
`max_ttl_ms`: how far behind `ts_ms` each client may set a deadline; a client that does not stand there is \
none that server-1 knows, though it may hold a key for it. `accepted`: the line is authentic, \
for this server and in time; `payload` is the signed text P, `digest` what the answer has as its \
`request_digest`, `envelope` what P says. `refused` with a code: a response goes to the routing key \
`answer_to` of tw.replies, with `ok` false and an `error` of that code; `reason` says why, in words that \
nobody need repeat. `refused` with the code null: there is no answer, and `reason` is the word under which \
the line is put aside. Numbers are compared by value; those in `envelope` may be too large for a program \
that reads JSON numbers as doubles."""

_KIDS = (
    *("client-1.ed", "client-1.mac", "client-1.twin", "client-1.old", "client-1.gone"),
    *("client-1.soon", "client-1.late", "client-1.now", "client-2.ed", "client-2.mac", "client-3.ed"),
)
_LONGEST_TOOL = "a" * 128
_PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
_TRACE = {"traceparent": _PARENT, "tracestate": "k=v"}


def request_file() -> dict[str, Any]:
    """What stands in request.json."""
    return {
        "about": ABOUT,
        "now_ms": NOW_MS,
        "server_id": "server-1",
        "skew_ms": SKEW_MS,
        "max_ttl_ms": {"client-1": MAX_TTL_MS, "client-2": _SHORT_TTL_MS},
        "keyring": {kid: kid.split(".")[0] for kid in _KIDS},
        "vectors": [
            {"name": vector["name"], "routing_key": "server-1.add", **vector} for vector in _vectors()
        ],
    }


def _vectors() -> Iterator[Vector]:
    yield from _good()
    yield from good_json(SUBJECT)
    yield from shape(SUBJECT)
    yield from keys(SUBJECT)
    yield from _keys_of_requests()
    yield from signatures(SUBJECT)
    yield from bad_json(SUBJECT)
    yield from map(_answered, envelopes(SUBJECT, _FIELDS))
    yield from _type_and_version()
    yield from _for_whom()
    yield from _freshness()


def _take(name: str, *, kid: str = "client-1.mac", key: str = "server-1.add", **changes: Any) -> Vector:
    envelope = replaced(REQUEST, **changes)
    return {**accepted(name, compact(envelope), kid, "request", envelope), "routing_key": key}


def _refuse(
    name: str,
    code: str,
    why: str,
    *,
    kid: str = "client-1.mac",
    key: str = "server-1.add",
    answer_to: str = "client-1.i1",
    **changes: Any,
) -> Vector:
    line = sealed(compact(replaced(REQUEST, **changes)), kid, "request")
    return {**refused(name, line, why, code=code, answer_to=answer_to), "routing_key": key}


def _good() -> Iterator[Vector]:
    yield _take("the smallest, Ed25519", kid="client-1.ed")
    yield _take("the smallest, HS256")
    yield _take("another client's", kid="client-2.mac", client_id="client-2")
    yield _take("a key that is good at this very millisecond", kid="client-1.now")
    yield _take("another key with the same secret", kid="client-1.twin")
    yield _take("every optional field", tool_rev="A" * 43, run_at_ms=NOW_MS + 5, priority=1, trace=_TRACE)
    yield _take("optional fields that are null", tool_rev=None, run_at_ms=None, priority=None, trace=None)
    yield _take("the lowest priority", priority=-9)
    yield _take("the highest priority", priority=9)
    later = {"traceparent": "cc" + _PARENT[2:-2] + "ff"}
    yield _take("a trace of a later version", trace=later)
    yield _take("a trace without a tracestate", trace={"traceparent": _PARENT})
    yield _take("a trace with a tracestate that is null", trace={"traceparent": _PARENT, "tracestate": None})
    longest = {"traceparent": _PARENT, "tracestate": "\U0001f600" * 512}
    yield _take("a trace with a tracestate of 512 characters beyond the BMP", trace=longest)
    yield _take("ids of one character", request_id="0", reply_to="Z")
    yield _take("ids of 64 characters", request_id="a" + "-_" * 31 + "9", reply_to="9" * 64)
    yield _take("a tool's name with dots", tool=".a..b-_9", key="server-1..a..b-_9")
    yield _take("a tool's name of 128 characters", tool=_LONGEST_TOOL, key="server-1." + _LONGEST_TOOL)
    yield _take(
        "arguments", args={"numbers": [1, 2.5, -3], "on": True, "off": False, "none": None, "text": "a"}
    )


def _keys_of_requests() -> Iterator[Vector]:
    payload = SUBJECT.payload
    for name, kid, reason in (
        ("a server's key", "server-1.ed", "unknown_key"),
        ("a secret that is shared with another server", "client-1.mac-2", "unknown_key"),
    ):
        yield refused(f"key: {name}", sealed(payload, kid, "request"), reason)
    yield from spent_keys(SUBJECT, "client-1")


_FIELDS = {
    "request_id": ID,
    "reply_to": ID,
    "client_id": ID,
    "server_id": ID,
    "ts_ms": TIME,
    "deadline_ms": TIME,
    "nonce": {
        "of 21 characters": '"' + "A" * 21 + '"',
        "of 23 characters": '"' + "A" * 23 + '"',
        "padded": '"' + "A" * 21 + '="',
        "with a line feed at its end": '"' + "A" * 22 + '\\n"',
        "null": "null",
    },
    "tool": {
        "empty": '""',
        "of 129 characters": '"' + "a" * 129 + '"',
        "with a space": '"a b"',
        "with an asterisk": '"a*"',
        "with a line feed at its end": '"add\\n"',
        "beyond ASCII": '"add\u00e9"',
        "null": "null",
    },
    "args": {"an array": "[]", "null": "null", "text": '"{}"'},
    "tool_rev": {name: raw for name, raw in DIGEST.items() if name != "null"},
    "run_at_ms": {name: raw for name, raw in TIME.items() if name != "null"},
    "priority": {"10": "10", "-10": "-10", "with a fraction of 0": "1.0", "true": "true", "as text": '"1"'},
    "trace": {
        "empty": "{}",
        "with a traceparent in capitals": text({"traceparent": _PARENT.upper()}),
        "with a traceparent cut short": text({"traceparent": _PARENT[:-3]}),
        "with a line feed behind the traceparent": text({"traceparent": _PARENT + "\n"}),
        "with a traceparent that is null": text({"traceparent": None}),
        "with a tracestate alone": text({"tracestate": "k=v"}),
        "with a tracestate that is a number": text({"traceparent": _PARENT, "tracestate": 1}),
        "with a member that nobody knows": text({"traceparent": _PARENT, "x": 1}),
        "with a tracestate of 513 characters": text({"traceparent": _PARENT, "tracestate": "s" * 513}),
        "as text": text(_PARENT),
    },
    "type": {"of a response": '"response"', "in capitals": '"REQUEST"', "null": "null"},
}


def _answered(vector: Vector) -> Vector:
    """A bad envelope is answered where it says, readably, which request it is and which instance asks."""
    if any(word in vector["name"].split() for word in ("request_id", "reply_to")):
        return vector
    answer = {"code": "invalid_envelope", "answer_to": "client-1.i1"}
    return {**vector, "refused": {**answer, "reason": "the envelope breaks its model"}}


def _type_and_version() -> Iterator[Vector]:
    for name, version in (
        ("a later one", "toolwire/2"),
        ("a longer word", "toolwire/1.0"),
        ("in capitals", "TOOLWIRE/1"),
        ("the tutorial's", "mcp/0.1"),
        ("a number", 1),
        ("null", None),
    ):
        yield _refuse(f"version: {name}", "unsupported_version", "the service speaks toolwire/1", v=version)
    later = replaced(REQUEST, v="toolwire/2", x=1)
    line = sealed(compact(later), "client-1.mac", "request")
    why = "of another version nothing but the version is judged"
    yield refused(
        "version: a later one with a new field",
        line,
        why,
        code="unsupported_version",
        answer_to="client-1.i1",
    )
    lost = sealed(compact(replaced(REQUEST, v="toolwire/2", reply_to="a b")), "client-1.mac", "request")
    yield refused("version: a later one that says no way home", lost, "unsupported_version")


def _for_whom() -> Iterator[Vector]:
    foreign = "the key that signed belongs to another client; the refusal goes to the key's owner"
    yield _refuse("whom: another client's id", "forbidden", foreign, client_id="client-2")
    yield _refuse(
        "whom: another client's key", "forbidden", foreign, kid="client-2.mac", answer_to="client-2.i1"
    )
    yield _refuse("whom: the client's id in capitals", "forbidden", foreign, client_id="CLIENT-1")
    yield _refuse(
        "whom: a known key of a client that is not known",
        "forbidden",
        "nobody of that name may use this server, though it holds a key of theirs",
        kid="client-3.ed",
        client_id="client-3",
        answer_to="client-3.i1",
    )
    other = "the request is for another server"
    yield _refuse("whom: another server", "wrong_server", other, server_id="server-2", key="server-2.add")
    yield _refuse(
        "whom: another server by this one's routing key", "wrong_server", other, server_id="server-2"
    )
    yield _refuse("whom: the server's id in capitals", "wrong_server", other, server_id="SERVER-1")
    elsewhere = "the routing key names another tool than the envelope"
    for name, key in (
        ("another tool", "server-1.sub"),
        ("no tool", "server-1"),
        ("the tool in capitals", "server-1.ADD"),
        ("a word more", "server-1.add.x"),
        ("another server", "server-2.add"),
        ("nothing", ""),
    ):
        yield _refuse(f"destination: {name}", "wrong_destination", elsewhere, key=key)
    yield _refuse(
        "order: another client's id comes before another server",
        "forbidden",
        foreign,
        client_id="client-2",
        server_id="server-2",
    )
    yield _refuse(
        "order: another server comes before the destination",
        "wrong_server",
        other,
        server_id="server-2",
        tool="sub",
    )
    yield _refuse(
        "order: the destination comes before the time",
        "wrong_destination",
        elsewhere,
        tool="sub",
        ts_ms=NOW_MS + 60_000,
    )


def _freshness() -> Iterator[Vector]:
    ahead, past = NOW_MS + SKEW_MS, NOW_MS - SKEW_MS
    for name, ts_ms, deadline_ms in (
        ("signed as far ahead as clocks may differ", ahead, ahead + 1),
        ("a deadline that passed as long ago as clocks may differ", past - 1, past),
        ("the longest time to live", NOW_MS, NOW_MS + MAX_TTL_MS),
        ("the shortest time to live", NOW_MS, NOW_MS + 1),
        ("old, with a deadline that is still ahead", NOW_MS - MAX_TTL_MS + 1, NOW_MS + 1),
        ("signed ahead, and the longest time to live", NOW_MS + 10, NOW_MS + 10 + MAX_TTL_MS),
    ):
        yield _take(f"time: {name}", ts_ms=ts_ms, deadline_ms=deadline_ms)
    other: dict[str, Any] = {"kid": "client-2.mac", "client_id": "client-2"}
    limit = NOW_MS + _SHORT_TTL_MS
    yield _take("time: another client's longest time to live", deadline_ms=limit, **other)
    too_long = ("ttl_too_long", _WHY["ttl_too_long"])
    name = "time: one millisecond too long for another client"
    yield _refuse(name, *too_long, deadline_ms=limit + 1, answer_to="client-2.i1", **other)
    for name, code, ts_ms, deadline_ms in (
        ("signed a millisecond too far ahead", "clock_skew", ahead + 1, ahead + 2),
        ("a deadline that passed a millisecond too long ago", "expired", past - 2, past - 1),
        ("a time to live one millisecond too long", "ttl_too_long", NOW_MS, NOW_MS + MAX_TTL_MS + 1),
        ("an old one's, too", "ttl_too_long", NOW_MS - 10, NOW_MS - 9 + MAX_TTL_MS),
        ("no time to live", "ttl_too_long", NOW_MS, NOW_MS),
        ("a deadline before the signing", "ttl_too_long", NOW_MS, NOW_MS - 1),
        ("the year 1970", "expired", 0, 1),
        ("the last millisecond that can be written", "clock_skew", 2**53 - 1, 2**53 - 1),
        ("the future comes before what has expired", "clock_skew", ahead + 1, past - 1),
        ("the future comes before the time to live", "clock_skew", ahead + 1, NOW_MS + 2 * MAX_TTL_MS),
        ("what has expired comes before the time to live", "expired", NOW_MS, past - 1),
    ):
        yield _refuse(f"time: {name}", code, _WHY[code], ts_ms=ts_ms, deadline_ms=deadline_ms)


_WHY = {
    "clock_skew": "ts_ms is later than now_ms and skew_ms",
    "expired": "now_ms is later than deadline_ms and skew_ms",
    "ttl_too_long": "the deadline has to lie behind ts_ms, by at most max_ttl_ms",
}
