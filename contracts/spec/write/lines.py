"""Lines and vectors: how the script signs, and what it writes of each line.

Nothing here uses the code that the vectors are to test: the formula of the signature stands here once more.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from spec.write.keys import KEYS, base64url

Vector = dict[str, Any]
Members = Mapping[str, Any]

HOLE = "@@"
"""A text that stands in an envelope where `with_raw` puts raw JSON text."""


def signed_bytes(payload: bytes, kid: str, type_: str) -> bytes:
    """What is signed for a payload."""
    return b"toolwire-sig-v1\n" + type_.encode() + b"\n" + kid.encode() + b"\n" + payload


def closed(payload: bytes, kid: str, signature: str) -> bytes:
    """The line: the payload without its last brace, then the signature."""
    return payload[:-1] + f',"signature":"{kid}:{signature}"}}'.encode()


def sealed(payload: bytes, kid: str, type_: str) -> bytes:
    """A payload with the correct signature of a key."""
    return closed(payload, kid, base64url(KEYS[kid].sign(signed_bytes(payload, kid, type_))))


def digest(line: bytes) -> str:
    """base64url of the SHA-256 of a line."""
    return base64url(hashlib.sha256(line).digest())


def text(members: object) -> str:
    """JSON with sorted keys and without spaces, as Toolwire itself sends it."""
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def compact(members: object) -> bytes:
    """The same in UTF-8."""
    return text(members).encode()


def with_raw(members: object, raw: str | bytes) -> bytes:
    """The payload with raw JSON text, or any bytes, in the place of `HOLE`."""
    before, after = compact(members).split(f'"{HOLE}"'.encode())
    return before + (raw.encode() if isinstance(raw, str) else raw) + after


def replaced(members: Members, **changes: Any) -> dict[str, Any]:
    """An envelope with other members."""
    return {**members, **changes}


def without(members: Members, *names: str) -> dict[str, Any]:
    """An envelope with members left out."""
    return {name: value for name, value in members.items() if name not in names}


def accepted(name: str, payload: bytes, kid: str, type_: str, envelope: object) -> Vector:
    """A line that its reader takes, and as what."""
    line = sealed(payload, kid, type_)
    outcome = {"kid": kid, "payload": payload.decode(), "digest": digest(line), "envelope": envelope}
    return {"name": name, "line": line.decode(), "accepted": outcome}


def refused(name: str, line: bytes, reason: str, *, code: str | None = None, **more: Any) -> Vector:
    """A line that its reader refuses: without an answer, or with a signed one that carries `code`."""
    return {"name": name, **_told(line), "refused": {"code": code, "reason": reason, **more}}


def _told(line: bytes) -> dict[str, str]:
    try:
        return {"line": line.decode()}
    except UnicodeDecodeError:
        return {"line_base64url": base64url(line)}


def pretty(file: object) -> str:
    """A file of vectors as it is written."""
    return json.dumps(file, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
