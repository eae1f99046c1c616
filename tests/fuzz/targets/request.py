"""Any text, truly signed by a client, on its way through a service's checks to a plan.

Four choices come first: the key, the type that is signed, the routing key, and what is on record.
"""

from dataclasses import replace
from typing import Any

from tests.fuzz import invariants, vectors
from tests.fuzz.reference import NotStrict, members_of, read_strictly
from tests.fuzz.served import TOOLS
from tests.fuzz.signing import TYPES, seed, signed
from tests.fuzz.target import Target
from tests.unit.services.given import (
    CLIENT,
    CLIENTS_KEY,
    KEYS,
    NOW,
    OTHER,
    OTHERS_KEY,
    SECRET,
    SERVER,
    client,
    record_of,
    request,
)
from toolwire.broker.topology import request_key
from toolwire.contracts.envelopes import Request
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.contracts.keys import HmacKey, Key, Keyring
from toolwire.services.requests.authenticate import Authentic, Refused, Unreadable, authenticate
from toolwire.services.requests.decide import SKEW_MS, Policy, Usage, decide
from toolwire.services.requests.plans import Answer, Leave, Plan
from toolwire.services.store.port import Record

CHOICES = 4
SIGNERS = (SECRET, CLIENTS_KEY, OTHERS_KEY)
ROUTES = tuple(
    request_key(SERVER, tool) for tool in ("add", "everything", "grow", "build", "look", "not.allowed")
)
USAGES = (Usage(), Usage(nonce_seen=True), Usage(wait_ms=7), Usage(running=9))
RECORDS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"status": Status.RUNNING},
    {"status": Status.DONE, "result": "[1]"},
    {"status": Status.DONE, "forgotten": True},
    {"kind": "job", "job_id": "job-1"},
    {"meaning": "A" * 43},
)
ALLOWED = ("add", "everything", "grow", "build")
ENTRY = client(allow=ALLOWED, max_running=9)
POLICY = Policy(SERVER, {CLIENT: ENTRY, OTHER: ENTRY}, TOOLS)
ANSWERING = HmacKey("server-1.2", b"a" * 32)
"""What answers are signed with here: HMAC costs nothing."""
SERVERS_KEYS = Keyring([Key(ANSWERING.kid, SERVER, ANSWERING)])

EDGES = (
    *((NOW, NOW), (NOW, NOW + 60_000), (NOW, NOW + 60_001)),
    *((NOW + SKEW_MS, NOW + SKEW_MS + 1), (NOW + SKEW_MS + 1, NOW + SKEW_MS + 2)),
    *((NOW - SKEW_MS - 1, NOW - SKEW_MS), (NOW - SKEW_MS - 2, NOW - SKEW_MS - 1)),
)
"""Times of requests, on both sides of each limit."""

ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "add": [{"numbers": [1, 2]}],
    "everything": [
        {
            "at": "2026-01-01T00:00:00Z",
            "day": "2026-01-01",
            "hour": "12:00:00",
            "lasts": "P1DT1S",
            "price": "1.5",
        },
        {
            "id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "colour": "blue",
            "level": 2,
            "address": "::1",
            "path": "/a",
        },
        {
            "url": "https://example.org/a?b",
            "data": "@@",
            "coded": "QUJD",
            "flags": [1, 2],
            "corner": [1.5, 2.0],
        },
        {
            "pair": [1, "a"],
            "counts": {"a": 1},
            "numbered": {"1": 0.5},
            "pet": {"kind": "dog", "tricks": ["sit"]},
        },
        {"code": "AB123", "short": "abc", "even": 4, "share": 0.25, "anything": {"a": [None, "@@"]}},
        *(
            {name: "@@"}
            for name in ("at", "day", "lasts", "price", "id", "colour", "address", "url", "coded", "code")
        ),
        {"pet": {"kind": "@@"}},
        {"pair": ["@@", "@@"], "flags": ["@@"], "numbered": {"@@": 1.0}},
    ],
    "grow": [
        {
            "tree": {"name": "@@", "children": [{"name": "b", "children": []}]},
            "copy": 2.0,
            "weights": {"a": 1.0},
        }
    ],
    "build": [{"parts": [1, 2.5]}, {"parts": "@@"}, {"unknown": "@@"}],
    "look": [{}],
    "not.allowed": [{}],
}


def seeds() -> list[bytes]:
    made: list[bytes] = []
    for at, (tool, several) in enumerate(ARGUMENTS.items()):
        for args in several:
            asked = request(request_id="r", tool=tool, args=args)
            made += [seed((key, 0, at, 0), asked) for key in range(len(SIGNERS))]
    pinned = request(request_id="r", tool_rev=TOOLS["add"].descriptor.tool_rev, trace={"traceparent": TRACE})
    odd = [bytes(CHOICES) + payload for payload in vectors.payloads("request")]
    edges = [request(request_id="r", ts_ms=ts_ms, deadline_ms=end_ms) for ts_ms, end_ms in EDGES]
    made += [seed((0, 0, 0, 0), asked) for asked in edges]
    return [*odd, *made, *(seed((0, 0, 0, choice), pinned) for choice in range(len(RECORDS) * len(USAGES)))]


TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


def check(data: bytes) -> None:
    if len(data) <= CHOICES:
        return
    signer, type_ = SIGNERS[data[0] % len(SIGNERS)], TYPES[data[1] % len(TYPES)]
    text, line = signed(data[CHOICES:], signer, type_)
    found = authenticate(line, KEYS, ROUTES[data[2] % len(ROUTES)], NOW)
    if isinstance(found, Refused):
        assert type_ != "request" or not text.startswith(b"{"), f"what a client signed is {found.reason}"
        return
    assert text.startswith(b"{"), "what is no object was read"
    assert type_ == "request", "what was signed as another type is read as a request"
    assert found.key.kid == signer.kid
    if isinstance(found, Unreadable):
        _check_unreadable(found, text)
        return
    invariants.check_accepted(found.request, text, signer, KEYS, NOW)
    _check_decided(found, _record(found.request, data[3]), USAGES[data[3] // len(RECORDS) % len(USAGES)])


def _record(asked: Request, choice: int) -> Record | None:
    changes = RECORDS[choice % len(RECORDS)]
    return None if changes is None else replace(record_of(asked), **changes)


def _check_unreadable(found: Unreadable, text: bytes) -> None:
    assert found.error.code in (Code.INVALID_ENVELOPE, Code.UNSUPPORTED_VERSION)
    invariants.check_refusal(found.error, ANSWERING, SERVERS_KEYS)
    told = _members(text)
    if told is None:
        assert found.request_id is None, "there is an address in what is no envelope"
    elif found.request_id is not None:
        assert found.request_id == told.get("request_id"), "the answer is for another request"


def _members(text: bytes) -> dict[str, object] | None:
    try:
        return members_of(read_strictly(text))
    except NotStrict:
        return None


def _check_decided(asked: Authentic, record: Record | None, usage: Usage) -> None:
    counted: list[Usage] = []

    def counting() -> Usage:
        counted.append(usage)
        return usage

    plan = decide(asked, record, counting, POLICY, NOW)
    if isinstance(plan, Answer):
        assert plan.broke is None, f"a tool's model broke: {plan.broke!r}"
        if plan.reply.error is not None:
            invariants.check_refusal(plan.reply.error, ANSWERING, SERVERS_KEYS)
    forbidden = (
        isinstance(plan, Answer) and plan.reply.error is not None and plan.reply.error.code is Code.FORBIDDEN
    )
    assert forbidden == (asked.request.client_id != asked.key.owner), "a client speaks for another"
    if not isinstance(plan, Answer | Leave):
        assert counted, "what runs was not counted"
        _check_runs(asked, record, usage, plan)


def _check_runs(asked: Authentic, record: Record | None, usage: Usage, plan: Plan) -> None:
    """What reaches a tool has passed every check."""
    assert not isinstance(plan, Answer | Leave)
    request_, spec = asked.request, plan.prepared.spec
    assert record is None, "a request runs that is on record"
    assert usage.wait_ms == 0
    assert spec.recorded or not usage.nonce_seen, "a repeated request runs"
    assert usage.running < 9 or not spec.takes_place
    assert request_.server_id == SERVER
    assert asked.routing_key == request_key(SERVER, request_.tool)
    assert spec is TOOLS[request_.tool]
    assert request_.tool in (*ALLOWED, "look")
    assert request_.tool_rev in (None, spec.descriptor.tool_rev)
    assert request_.ts_ms <= NOW + SKEW_MS
    assert request_.deadline_ms >= NOW - SKEW_MS
    assert 0 < request_.deadline_ms - request_.ts_ms <= 60_000
    invariants.check_finite([*plan.prepared.args, plan.prepared.kwargs])


TOKENS = tuple(
    f'"{word}"'.encode()
    for word in (*Request.model_fields, *ALLOWED, CLIENT, OTHER, SERVER, "toolwire/1", TRACE)
) + tuple(f'"{name}":'.encode() for name in TOOLS["everything"].signature.model.model_fields)
TARGET = Target(seeds, check, tokens=TOKENS, json_from=CHOICES)
