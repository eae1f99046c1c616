"""Who wrote this line? Answered from its bytes and the keys alone.

Whatever is refused here gets no answer: the sender is unknown, and so is the way home (promise P6).
"""

from dataclasses import dataclass
from typing import cast

from toolwire.contracts.envelopes import VERSION, Control, Request
from toolwire.contracts.errors import Code, Unverified, WireError
from toolwire.contracts.fields import field_errors
from toolwire.contracts.keys import Key, Keyring
from toolwire.contracts.names import is_id
from toolwire.contracts.sealing import BadEnvelope, read, unseal, verify


@dataclass(frozen=True, slots=True)
class Authentic:
    """A request that a known client signed."""

    request: Request
    key: Key
    digest: str
    """The digest of the line, which the answer names."""
    routing_key: str
    """Where the broker delivered it: unsigned, and only good for a comparison."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A known client signed this, but it is not a request of this protocol version."""

    key: Key
    digest: str
    error: WireError
    request_id: str | None
    reply_to: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody known signed this. `reason` is for the counters and the junk queue."""

    reason: str


def authenticate(
    line: bytes, keys: Keyring, routing_key: str, now_ms: int
) -> Authentic | Unreadable | Refused:
    """Verify one line, and read it only if that succeeded (promise P1)."""
    try:
        verified = verify(line, keys, ("request",), now_ms)
    except Unverified as refused:
        return Refused(refused.reason)
    try:
        request = read(verified, Request)
    except BadEnvelope as error:
        return _unreadable(verified.key, verified.digest, error)
    return Authentic(request, verified.key, verified.digest, routing_key)


def read_control(line: bytes, own_keys: Keyring, server_id: str, now_ms: int) -> Control | Refused:
    """The word of a server to its own replicas in a line. `own_keys`: the public keys of this server."""
    try:
        control = unseal(line, own_keys, Control, now_ms)
    except Unverified as refused:
        return Refused(refused.reason)
    except BadEnvelope:
        return Refused("invalid_envelope")
    return control if control.server_id == server_id else Refused("wrong_server")


def _unreadable(key: Key, digest: str, bad: BadEnvelope) -> Unreadable:
    value = bad.value
    fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    if fields.get("v", VERSION) != VERSION:
        error = WireError(
            code=Code.UNSUPPORTED_VERSION,
            message="this service does not speak that version",
            retryable=False,
            data={"supported": [VERSION]},
        )
    else:
        error = WireError(
            code=Code.INVALID_ENVELOPE,
            message="the envelope is not a valid request",
            retryable=False,
            fields=field_errors(bad.cause) if bad.cause else None,
        )
    return Unreadable(key, digest, error, _id(fields.get("request_id")), _id(fields.get("reply_to")))


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and is_id(value) else None
