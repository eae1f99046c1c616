"""What both sides derive from names and values: `vectors/derived.json`."""

import hashlib
from typing import Any

from spec.write.keys import KEYS, base64url
from spec.write.lines import text

ABOUT = """\
What is derived from names and values. `canonical`: the JSON text that Toolwire sends for the value of \
another text: keys sorted by code point, no spaces, UTF-8 without escapes but the necessary ones. A line \
need not be canonical to be accepted; digests over JSON are computed over this form, and nobody has to \
compute another's. Languages spell numbers with an exponent differently: here they have Python's spelling. \
`tool_rev`: the digest over a tool's descriptor without its `tool_rev`, in the same form. \
`meaning`: what makes a request a duplicate or a conflict under its request id; a server computes it, a \
client need not. `digest`: what a response has as `request_digest`, from the bytes of the request's line. \
`step_request_id`: the request id under which whoever follows a job submits the step that comes after it. \
`routing_keys`, `queues` and `fingerprint`: names at the broker, and what people compare a public key by. \
`base64url`: bytes, as hex, in their one spelling, and spellings that are refused."""

_LONG = "a" * 82 + "-" + "b" * 18
"""101 characters."""


def derived_file() -> dict[str, Any]:
    """What stands in derived.json."""
    return {
        "about": ABOUT,
        "canonical": [{"text": given, "canonical": canonical} for given, canonical in _CANONICAL],
        "tool_rev": _tool_revision(),
        "meaning": [_meaning(**given) for given in _REQUESTS],
        "digest": [
            {"line": line, "digest": _sha256(line)} for line in ("{}", '{"a":"\u00e9"}', "no line at all")
        ],
        "step_request_id": [
            _step(job, step)
            for job, step in (
                ("j1", "resize"),
                ("j1", "resize:small"),
                ("ab", "c"),
                ("a", "bc"),
                ("j1", "\u00e9"),
                ("j1", ""),
            )
        ],
        "routing_keys": _routing_keys(),
        "queues": _queues(),
        "fingerprint": [
            {
                "public": base64url(key.public),
                "fingerprint": "SHA256:" + base64url(hashlib.sha256(key.public).digest()),
            }
            for key in (KEYS["client-1.ed"], KEYS["server-1.ed"])
        ],
        "base64url": _base64url(),
    }


_CANONICAL = (
    ('{"b":1,"a":2}', '{"a":2,"b":1}'),
    ('{ "a" : [ 1 , 2 ] }', '{"a":[1,2]}'),
    ("{}", "{}"),
    ("[]", "[]"),
    ("[true,false,null]", "[true,false,null]"),
    ('{"b":{"d":1,"c":2},"a":[{"f":1,"e":2}]}', '{"a":[{"e":2,"f":1}],"b":{"c":2,"d":1}}'),
    ('{"10":1,"9":2,"a":3,"B":4,"":5}', '{"":5,"10":1,"9":2,"B":4,"a":3}'),
    ('{"\U0001f600":1,"\uff5e":2,"\u00e9":3,"z":4}', '{"z":4,"\u00e9":3,"\uff5e":2,"\U0001f600":1}'),
    ('{"e\u0301":1,"\u00e9":2,"f":3}', '{"e\u0301":1,"f":3,"\u00e9":2}'),
    ('"\\u00e9\\ud83d\\ude00\\/"', '"\u00e9\U0001f600/"'),
    ('"\\u0022\\u005c\\u000a\\u000d\\u0009\\u0008\\u000c"', '"\\"\\\\\\n\\r\\t\\b\\f"'),
    ('"\\u0000\\u001f\\u000b"', '"\\u0000\\u001f\\u000b"'),
    ('"\\u007f\\u2028\\u2029\\ufeff<>&\'"', '"\x7f\u2028\u2029\ufeff<>&\'"'),
    ("[0,1,-1,2.5,-0.25,1.0]", "[0,1,-1,2.5,-0.25,1.0]"),
    ("[9007199254740993,-18446744073709551617]", "[9007199254740993,-18446744073709551617]"),
    ("[-0,-0.0,0e1,1E2,100.50]", "[0,-0.0,0.0,100.0,100.5]"),
    ("[0.0001,0.00001,1.5e-7,5e-324]", "[0.0001,1e-05,1.5e-07,5e-324]"),
    ("[9999999999999998.0,1e16,1.5e+22,-1e300]", "[9999999999999998.0,1e+16,1.5e+22,-1e+300]"),
)


def _sha256(given: str) -> str:
    return base64url(hashlib.sha256(given.encode()).digest())


def _tool_revision() -> list[dict[str, Any]]:
    descriptor = {
        "name": "add",
        "title": None,
        "description": "The sum of two numbers.",
        "kind": "tool",
        "inputSchema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
        "outputSchema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "number"},
        "annotations": {
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
    }
    return [{"descriptor": descriptor, "canonical": text(descriptor), "tool_rev": _sha256(text(descriptor))}]


_REQUESTS: tuple[dict[str, Any], ...] = (
    {"server_id": "server-1", "tool": "add", "args": {}, "tool_rev": None},
    {"server_id": "server-1", "tool": "add", "args": {"b": 2, "a": 1}, "tool_rev": None},
    {"server_id": "server-1", "tool": "add", "args": {"b": 2, "a": 1}, "tool_rev": "A" * 43},
    {"server_id": "server-1", "tool": "sub", "args": {"b": 2, "a": 1}, "tool_rev": None},
    {"server_id": "server-2", "tool": "add", "args": {"b": 2, "a": 1}, "tool_rev": None},
    {
        "server_id": "server-1",
        "tool": "add",
        "args": {"a": "\u00e9", "\U0001f600": [1, None]},
        "tool_rev": None,
    },
)


def _meaning(**given: Any) -> dict[str, Any]:
    return {**given, "canonical": text(given), "meaning": _sha256(text(given))}


def _step(job_id: str, step: str) -> dict[str, str]:
    """`step` is any text; the length in front of the job's id keeps the two apart."""
    signed = f"toolwire-step-v1\n{len(job_id)}:{job_id}{step}"
    return {"job_id": job_id, "step": step, "request_id": "step-" + _sha256(signed)}


def _routing_keys() -> list[dict[str, Any]]:
    hundred = _LONG[:-1]
    shortened = _LONG[:83] + "~" + hashlib.sha256(_LONG.encode()).hexdigest()[:16]
    request = {"exchange": "tw.requests", "server_id": "server-1"}
    event = {"exchange": "tw.events", "client_id": "client-1", "server_id": "server-1", "event": "done"}
    return [
        {**request, "tool": "add", "routing_key": "server-1.add"},
        {**request, "tool": "billing.pay.v2", "routing_key": "server-1.billing.pay.v2"},
        {**request, "tool": _LONG, "routing_key": f"server-1.{_LONG}"},
        {"exchange": "tw.replies", "client_id": "client-1", "reply_to": "i1", "routing_key": "client-1.i1"},
        {**event, "tool": "resize", "routing_key": "client-1.server-1.resize.done"},
        {**event, "tool": "billing.pay.v2", "routing_key": "client-1.server-1.billing.pay.v2.done"},
        {**event, "tool": hundred, "routing_key": f"client-1.server-1.{hundred}.done"},
        {**event, "tool": _LONG, "routing_key": f"client-1.server-1.{shortened}.done"},
        {**event, "tool": None, "routing_key": "client-1.server-1.#.done"},
        {
            **event,
            "client_id": None,
            "server_id": None,
            "tool": None,
            "event": None,
            "routing_key": "*.*.#.*",
        },
    ]


def _queues() -> list[dict[str, Any]]:
    return [
        {"of": "requests to a server", "server_id": "server-1", "queue": "tw.call.server-1"},
        {
            "of": "answers to a named instance",
            "client_id": "client-1",
            "reply_to": "i1",
            "queue": "tw.reply.client-1.i1",
        },
        {
            "of": "events for watchers of one name",
            "client_id": "client-1",
            "name": "billing",
            "queue": "tw.watch.client-1.billing",
        },
    ]


def _base64url() -> dict[str, Any]:
    return {
        "accepted": [
            {"bytes": data.hex(), "text": base64url(data)}
            for data in (b"", b"f", b"fo", b"foo", b"foob", bytes(16), b"\xfb\xff\xfe", bytes(range(32)))
        ],
        "refused": [
            {"text": spelling, "reason": reason}
            for spelling, reason in (
                ("Zg==", "padding"),
                ("Zh", "the last character has bits that belong to no byte"),
                ("Zm9", "the same, of two bytes"),
                ("Z", "one character is no byte"),
                ("+_8", "the other alphabet"),
                ("Zm 9v", "a space"),
                ("Zm9v\n", "a line feed"),
            )
        ],
    }
