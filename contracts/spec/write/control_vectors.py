"""Control messages, as a replica reads those of its server: `vectors/control.json`."""

from collections.abc import Iterator
from typing import Any

from spec.write.field_vectors import ID, TIME, envelopes
from spec.write.json_vectors import bad_json, good_json
from spec.write.keys import NOW_MS
from spec.write.lines import HOLE, Vector, accepted, compact, refused, replaced, sealed
from spec.write.shape_vectors import Subject, keys, shape, signatures, spent_keys

CONTROL: dict[str, Any] = {
    "v": "toolwire/1",
    "type": "control",
    "ts_ms": NOW_MS,
    "server_id": "server-1",
    "action": "cancel",
    "data": {"job_id": "j1"},
}
SUBJECT = Subject(
    type="control",
    envelope=CONTROL,
    open={**CONTROL, "data": {"x": HOLE}},
    ed="server-1.ed",
    mac=None,
    plain="server-1.ed",
    unexpected=("request", "response", "event"),
)

ABOUT = """\
Control messages as a replica of server-1 reads them: a server's word to its own replicas. A client needs \
none of this. Every line is checked by itself, at the time `now_ms`. `keyring`: the server's own public \
keys, and the server that they stand for; the keys themselves are in keys.json. A control message is never \
sealed with a secret. `data` is a hint: `{"job_id": ...}` in a server's own messages, but any object is \
accepted. `accepted`: the replica looks at its jobs; `payload` is the signed text P, \
`envelope` what P says. `refused`: the line is dropped without an answer, so that the code is null; \
`reason` says why."""


_KIDS = ("server-1.ed", "server-1.old", "server-1.gone", "server-1.soon", "server-1.late")


def control_file() -> dict[str, Any]:
    """What stands in control.json."""
    return {
        "about": ABOUT,
        "now_ms": NOW_MS,
        "server_id": "server-1",
        "keyring": dict.fromkeys(_KIDS, "server-1"),
        "vectors": list(_vectors()),
    }


def _vectors() -> Iterator[Vector]:
    yield _take("cancel")
    yield from good_json(SUBJECT, ("a letter beyond ASCII as an escape",))
    yield from shape(SUBJECT)
    yield from keys(SUBJECT)
    yield from _keys_of_others()
    yield from signatures(SUBJECT)
    yield from bad_json(SUBJECT)
    yield from envelopes(SUBJECT, _FIELDS)
    other = compact(replaced(CONTROL, server_id="server-2"))
    yield refused("whom: another server", sealed(other, "server-1.ed", "control"), "wrong_server")


def _take(name: str, **changes: Any) -> Vector:
    envelope = replaced(CONTROL, **changes)
    return accepted(name, compact(envelope), "server-1.ed", "control", envelope)


def _keys_of_others() -> Iterator[Vector]:
    for name, kid, reason in (
        ("another server's key", "server-2.ed", "unknown_key"),
        ("a client's key", "client-1.ed", "unknown_key"),
        ("a secret that a client shares with the server", "client-1.mac", "unknown_key"),
    ):
        yield refused(f"key: {name}", sealed(SUBJECT.payload, kid, "control"), reason)
    yield from spent_keys(SUBJECT, "server-1")


_FIELDS = {
    "server_id": ID,
    "ts_ms": TIME,
    "action": {"a word that nobody knows": '"reload"', "in capitals": '"CANCEL"', "null": "null"},
    "data": {"an array": "[]", "null": "null", "text": '"j1"'},
    "v": {"a later one": '"toolwire/2"', "null": "null"},
    "type": {"of an event": '"event"', "null": "null"},
}
