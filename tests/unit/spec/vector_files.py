"""The published files of vectors, and the keyrings and outcomes that they state."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from spec.write.files import FOLDER
from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.envelopes import EnvelopeType
from toolwire.contracts.errors import Unverified
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Key, Keyring, Signer, Verifier, ed25519_verifier
from toolwire.contracts.names import MAX_SAFE_INTEGER
from toolwire.contracts.sealing import verify

Vector = dict[str, Any]


def load(name: str) -> dict[str, Any]:
    """One file of vectors."""
    file: dict[str, Any] = json.loads((FOLDER / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
    return file


KEYS: dict[str, dict[str, Any]] = {entry["kid"]: entry for entry in load("keys")["keys"]}
REQUEST, RESPONSE, EVENT, WATCH, CONTROL = map(load, ("request", "response", "event", "watch", "control"))
SEALED = {"request": REQUEST, "response": RESPONSE, "event": EVENT, "watch": WATCH, "control": CONTROL}
"""The files whose vectors are lines, by their names."""


def each(file: dict[str, Any]) -> Iterable[Any]:
    """The vectors of a file, as parameters of a test."""
    return [pytest.param(vector, id=vector["name"]) for vector in file["vectors"]]


def accepted_in(file: dict[str, Any]) -> list[Vector]:
    """The accepted vectors of a file."""
    return [vector for vector in file["vectors"] if "accepted" in vector]


def line_of(vector: Vector) -> bytes:
    """The bytes of a vector's line."""
    if "line" in vector:
        return str(vector["line"]).encode()
    return bytes_of(vector["line_base64url"])


def keyring_of(file: dict[str, Any]) -> Keyring:
    """The keys that the reader of a file knows."""
    return Keyring(_key(KEYS[kid], owner) for kid, owner in file["keyring"].items())


def _key(entry: dict[str, Any], owner: str) -> Key:
    return Key(
        entry["kid"],
        owner,
        _verifier(entry),
        entry.get("not_before_ms", 0),
        entry.get("not_after_ms", MAX_SAFE_INTEGER),
        entry.get("revoked", False),
    )


def _verifier(entry: dict[str, Any]) -> Verifier:
    if entry["algorithm"] == "HS256":
        return HmacKey(entry["kid"], from_base64url(entry["secret"]))
    return ed25519_verifier(from_base64url(entry["public"]), entry["kid"])


def signer_of(kid: str) -> Signer:
    """What signs under a key id."""
    entry = KEYS[kid]
    if entry["algorithm"] == "HS256":
        return HmacKey(kid, from_base64url(entry["secret"]))
    return Ed25519Signer(kid, from_base64url(entry["private"]))


def bytes_of(text: str) -> bytes:
    """The bytes of a base64url text."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


_EXPECTED: dict[str, tuple[EnvelopeType, ...]] = {
    "request": ("request",),
    "response": ("response",),
    "event": ("event",),
    "watch": ("event",),
    "control": ("control",),
}
_KEYRINGS = {name: keyring_of(file) for name, file in SEALED.items()}


def is_verified(name: str, line: bytes) -> bool:
    """Whether the reader of that file takes the line for one that somebody whom it knows has signed."""
    try:
        verify(line, _KEYRINGS[name], _EXPECTED[name], SEALED[name]["now_ms"])
    except Unverified:
        return False
    return True


def every_value(line: bytes, start: int) -> Iterator[bytes]:
    """The line with one byte changed, in all ways, from some place on."""
    for place in range(start, len(line)):
        before, after = line[:place], line[place + 1 :]
        for value in range(256):
            if value != line[place]:
                yield before + bytes((value,)) + after
