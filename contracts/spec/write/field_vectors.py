"""Cases that are the same for every type: signed envelopes with a field too many, or not as it must be."""

from collections.abc import Iterator, Mapping
from typing import Any

from spec.write.lines import Vector, compact, refused, replaced, sealed, with_raw, without
from spec.write.shape_vectors import Subject

Raw = Mapping[str, Mapping[str, str]]
"""For a field: JSON texts that are not acceptable, by the name of the case."""

ID: Mapping[str, str] = {
    "empty": '""',
    "of 65 characters": '"' + "a" * 65 + '"',
    "with a dot": '"a.b"',
    "that begins with an underscore": '"_a"',
    "that begins with a hyphen": '"-a"',
    "with a slash": '"../a"',
    "with a space": '"a b"',
    "with a line feed at its end": '"a\\n"',
    "with a NUL at its end": '"a\\u0000"',
    "beyond ASCII": '"\u00e9"',
    "with an Arabic digit": '"a\u0661"',
    "that is a number": "1",
    "that is null": "null",
    "that is an array": '["a"]',
}
TIME: Mapping[str, str] = {
    "with a fraction": "1800000000000.5",
    "with a fraction of 0": "1800000000000.0",
    "with an exponent": "1.8e12",
    "as text": '"1800000000000"',
    "true": "true",
    "null": "null",
    "negative": "-1",
    "2^53": "9007199254740992",
    "beyond 2^64": "18446744073709551616",
}
DIGEST: Mapping[str, str] = {
    "of 42 characters": '"' + "A" * 42 + '"',
    "of 44 characters": '"' + "A" * 44 + '"',
    "padded": '"' + "A" * 42 + '="',
    "in the other alphabet": '"' + "A" * 42 + '+"',
    "with a line feed at its end": '"' + "A" * 43 + '\\n"',
    "null": "null",
}

INHERITED = ("constructor", "toString", "__proto__")
"""Names that every object has in some languages, without anybody having written them."""


def envelopes(subject: Subject, fields: Raw) -> Iterator[Vector]:
    """Envelopes with each field missing, with fields too many, and with the values of `fields`."""
    small = subject.envelope
    for name in small:
        yield _invalid(subject, f"envelope: without {name}", compact(without(small, name)))
    extra: dict[str, dict[str, Any]] = {
        "a field that nobody knows": {"x": 1},
        "a field that names the algorithm": {"alg": "HS256"},
        "a member that is called signature": {"signature": "client-1.mac:" + "A" * 43},
        "a field of another type of envelope": {"action": "cancel"}
        if subject.type != "control"
        else {"tool": "add"},
        "a field in capitals": {"Type": subject.type},
        **{f"a field that is called {name}": {name: {"x": 1}} for name in INHERITED},
    }
    for name, more in extra.items():
        yield _invalid(subject, f"envelope: {name}", compact({**small, **more}))
    for field, texts in fields.items():
        for name, raw in texts.items():
            payload = with_raw(replaced(small, **{field: "@@"}), raw)
            yield _invalid(subject, f"envelope: {field} {name}", payload)


def _invalid(subject: Subject, name: str, payload: bytes) -> Vector:
    return refused(name, sealed(payload, subject.plain, subject.type), "invalid_envelope")
