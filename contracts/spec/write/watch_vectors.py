"""Events, as a client reads them that watches the jobs of others: `vectors/watch.json`."""

from collections.abc import Iterator
from typing import Any

from spec.write.client_side import SNAPSHOT
from spec.write.event_vectors import EVENT
from spec.write.keys import NOW_MS
from spec.write.lines import Vector, accepted, compact, refused, replaced, sealed

ABOUT = """\
Events as client-9 reads them in a queue of its own on tw.events, where it watches the jobs of others. \
Every line is checked by itself, at the time `now_ms`. `keyring`: the keys that count there, which are the \
servers' public ones alone, and the server that each one stands for; the keys themselves are in keys.json. \
`may_watch`: the clients whose events the registry grants to client-9, each an id or the beginning of one \
and `*`; its own events are always granted. `tools` and `events`: what client-9 asked for. `accepted`: the \
event is told. `refused`: the line is dropped, and `reason` is the word under which it is counted."""

WATCHER = "client-9"
_DONE = {"status": "done", "final": True, "poll_after_ms": None}
_WANTED = replaced(EVENT, event="done", data={**SNAPSHOT, **_DONE})


def watch_file() -> dict[str, Any]:
    """What stands in watch.json."""
    return {
        "about": ABOUT,
        "now_ms": NOW_MS,
        "client_id": WATCHER,
        "keyring": {"server-1.ed": "server-1", "server-1.old": "server-1", "server-2.ed": "server-2"},
        "may_watch": ["client-1", "team-*"],
        "tools": ["resize"],
        "events": ["done", "error"],
        "vectors": list(_vectors()),
    }


def _vectors() -> Iterator[Vector]:
    for name, client_id in (
        ("a client that is granted", "client-1"),
        ("a client whose beginning is granted", "team-a"),
        ("the beginning itself", "team-"),
        ("its own", WATCHER),
    ):
        envelope = replaced(_WANTED, client_id=client_id)
        yield accepted(name, compact(envelope), "server-1.ed", "event", envelope)
    for name, client_id in (
        ("a client that is not granted", "client-2"),
        ("a client with a longer id", "client-11"),
        ("the beginning without its last character", "team"),
        ("the beginning in capitals", "TEAM-a"),
    ):
        yield _drop(name, "not_granted", client_id=client_id)
    yield _drop("another tool", "not_watched", data={**SNAPSHOT, **_DONE, "tool": "resize2"})
    yield _drop("another event", "not_watched", event="started", data=SNAPSHOT)
    unasked: dict[str, Any] = {"event": "started", "data": SNAPSHOT}
    yield _drop("not granted comes before not watched", "not_granted", client_id="client-2", **unasked)
    foreign: dict[str, Any] = {"kid": "server-2.ed", "client_id": "client-2"}
    yield _drop("another server's key comes before not granted", "foreign_key", **foreign)
    job: dict[str, Any] = {"client_id": "client-2", "data": {**SNAPSHOT, **_DONE, "server_id": "server-2"}}
    yield _drop("a job of another server comes before not granted", "foreign_job", **job)
    yield _drop("a secret that one client shares with the server", "unknown_key", "client-1.mac")
    yield _drop("revoked", "revoked_key", "server-1.old")
    yield _drop("another server's key", "foreign_key", "server-2.ed")
    yield _drop("a job of another server", "foreign_job", data={**SNAPSHOT, **_DONE, "server_id": "server-2"})
    yield _drop("signed as a response", "bad_signature", type_="response")
    yield _drop("a job that is not over", "invalid_envelope", data=SNAPSHOT)


def _drop(name: str, reason: str, kid: str = "server-1.ed", type_: str = "event", **changes: Any) -> Vector:
    return refused(name, sealed(compact(replaced(_WANTED, **changes)), kid, type_), reason)
