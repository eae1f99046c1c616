"""What a client knows in response.json and event.json, and what stands in both."""

from collections.abc import Iterator
from typing import Any

from spec.write.field_vectors import Raw, envelopes
from spec.write.json_vectors import bad_json, good_json
from spec.write.keys import NOW_MS
from spec.write.lines import Vector, compact, digest, refused, replaced, sealed
from spec.write.request_vectors import REQUEST
from spec.write.shape_vectors import Subject, keys, shape, signatures, spent_keys

ASKED = digest(sealed(compact(REQUEST), "client-1.mac", "request"))
"""The digest of the smallest request of request.json."""
ASKED_AGAIN = digest(sealed(compact(replaced(REQUEST, nonce="B" * 21 + "A")), "client-1.mac", "request"))
"""The digest of another attempt of it."""
UNASKED = "A" * 43

AWAITED = [
    {"digest": ASKED, "server_id": "server-1", "request_id": "r1", "told_to_try_again": True},
    {"digest": ASKED_AGAIN, "server_id": "server-1", "request_id": "r1", "told_to_try_again": False},
]
CLIENTS_KEYRING = {
    "client-1.mac": "server-1",
    "client-1.mac-2": "server-2",
    "client-1.twin": "server-1",
    "server-1.ed": "server-1",
    "server-1.old": "server-1",
    "server-1.gone": "server-1",
    "server-1.soon": "server-1",
    "server-1.late": "server-1",
    "server-2.ed": "server-2",
}

ERROR: dict[str, Any] = {
    "code": "tool_error",
    "message": "no",
    "retryable": False,
    "retry_after_ms": None,
    "fields": None,
    "reason": None,
    "data": None,
}
SNAPSHOT: dict[str, Any] = {
    "job_id": "j1",
    "server_id": "server-1",
    "tool": "resize",
    "status": "running",
    "attempt": 1,
    "seq": 2,
    "progress": None,
    "result": None,
    "error": None,
    "created_ms": NOW_MS,
    "started_ms": NOW_MS,
    "updated_ms": NOW_MS,
    "due_ms": None,
    "question": None,
    "deadline_ms": NOW_MS + 60_000,
    "poll_after_ms": 1000,
    "final": False,
}
"""A job that runs."""


def in_both_files(subject: Subject, some_json: tuple[str, ...], fields: Raw) -> Iterator[Vector]:
    """What a client has to tell apart in any line; `some_json` names the good texts that are tried."""
    yield from good_json(subject, some_json)
    yield from shape(subject)
    yield from keys(subject)
    yield from _keys_of_servers(subject)
    yield from signatures(subject)
    yield from bad_json(subject)
    yield from envelopes(subject, fields)


def _keys_of_servers(subject: Subject) -> Iterator[Vector]:
    """Lines under keys that a client does not know, or that are not good now."""
    for name, kid, reason in (
        ("a client's key", "client-1.ed", "unknown_key"),
        ("another client's secret", "client-2.mac", "unknown_key"),
    ):
        yield refused(f"key: {name}", sealed(subject.payload, kid, subject.type), reason)
    yield from spent_keys(subject, "server-1")
