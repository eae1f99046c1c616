"""Seal and unseal: an envelope as one line of signed bytes, and back.

A line is `P[:-1] + ',"signature":"' + kid + ':' + signature + '"}'`, where P is the envelope's canonical
JSON.
What is signed is `"toolwire-sig-v1\n" + type + "\n" + kid + "\n" + P`.

The verifier splits the exact bytes and never writes JSON again, so that no difference between two JSON
libraries can matter; and it splits from the end, by a fixed shape, so that nothing is parsed before it is
verified (promise P1). The type is signed in front of P: a request can not pass as a response, even
under a secret that both sides share.
"""

import functools
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from toolwire.contracts.encoding import (
    MAX_CONTAINERS,
    NotJson,
    base64url,
    in_one_go,
    is_plainly_readable,
    parse,
)
from toolwire.contracts.envelopes import Envelope, EnvelopeType
from toolwire.contracts.errors import DefinitionError, ToolwireError, Unverified
from toolwire.contracts.keys import Key, Keyring, Signer

E = TypeVar("E", bound=Envelope)

MAX_LINE_BYTES = 1024 * 1024
MAX_RESULT_BYTES = MAX_LINE_BYTES - 16 * 1024
"""What is left of a line for the result when the largest other fields are there."""

_TAIL = re.compile(rb',"signature":"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):([A-Za-z0-9_-]{43,128})"\}\Z')
_MAX_TAIL_BYTES = 220
_CONTEXT = "toolwire-sig-v1\n"


class Sealed(NamedTuple):
    """A line taken apart by shape alone: nothing of it is verified or parsed."""

    payload: bytes
    kid: str
    signature: str


class Verified(NamedTuple):
    """Bytes that the key's owner signed as an envelope of this type. Only these are ever parsed."""

    payload: bytes
    type: EnvelopeType
    key: Key
    line: bytes
    """The whole line, as it came."""

    @property
    def digest(self) -> str:
        """base64url of SHA-256 over the whole line; computed when asked for, which few readers do."""
        return digest(self.line)


def seal(envelope: Envelope, key: Signer) -> bytes:
    """The line for `envelope`, signed with `key`.

    `DefinitionError` where it is over the size of a line, or where no receiver could read it.
    """
    return sign_payload(_payload(envelope), envelope.TYPE, key)


def seal_each(envelope: Envelope, keys: Sequence[Signer]) -> list[bytes]:
    """The lines for `envelope`, one for each key; it is written only once. Raises as `seal` does."""
    payload = _payload(envelope)
    return [sign_payload(payload, envelope.TYPE, key) for key in keys]


def _payload(envelope: Envelope) -> bytes:
    try:
        text = envelope.payload()
        payload = text.encode()
        if not is_plainly_readable(text, MAX_CONTAINERS):
            parse(payload)
    except NotJson as error:
        raise DefinitionError(f"this {envelope.TYPE} cannot be sent: {error}") from error
    return payload


def sign_payload(payload: bytes, type_: EnvelopeType, key: Signer) -> bytes:
    """The line for an envelope's canonical text, which every receiver can read. `DefinitionError` where it is
    over the size of a line.
    """
    signature = key.sign(_prefix(type_, key.kid) + payload)
    line = payload[:-1] + f',"signature":"{key.kid}:{signature}"}}'.encode()
    if len(line) > MAX_LINE_BYTES:
        raise DefinitionError(
            f"this {type_} has {len(line)} bytes; a message holds at most {MAX_LINE_BYTES}. "
            "Keep large data elsewhere and send where it is."
        )
    return line


def digest(line: bytes) -> str:
    """What a response's `request_digest` says of the request's line."""
    return base64url(hashlib.sha256(line).digest())


def split(line: bytes) -> Sealed:
    """The parts of a line by shape. `Unverified("bad_envelope")` where the shape is wrong."""
    match = _TAIL.search(line, max(0, len(line) - _MAX_TAIL_BYTES))
    if match is None or not line.startswith(b"{"):
        raise Unverified("bad_envelope")
    return Sealed(line[: match.start()] + b"}", match[1].decode(), match[2].decode())


def verify(line: bytes, keys: Keyring, expect: Sequence[EnvelopeType], now_ms: int) -> Verified:
    """The signed bytes of a line, if one of `keys` signed them as one of the expected types.

    Raises `Unverified` with the reason `bad_envelope`, `unknown_key`, `revoked_key`, `key_out_of_date` or
    `bad_signature`.
    """
    sealed = split(line)
    key = keys.find(sealed.kid)
    if key is None:
        raise Unverified("unknown_key")
    if refusal := key.refusal(now_ms):
        raise Unverified(refusal)
    for type_ in expect:
        if key.verifier.verify(_prefix(type_, sealed.kid) + sealed.payload, sealed.signature):
            return Verified(sealed.payload, type_, key, line)
    raise Unverified("bad_signature")


def read(verified: Verified, model: type[E]) -> E:
    """The envelope in verified bytes. `BadEnvelope` where they do not hold the model that was signed."""
    if verified.type != model.TYPE:
        raise BadEnvelope(f"signed as {verified.type}, read as {model.TYPE}", None)
    try:
        # Two passes: pydantic's own parser lets duplicate keys and infinities through.
        value = parse(verified.payload)
    except NotJson as error:
        raise BadEnvelope(str(error), None) from error
    try:
        envelope = in_one_go(
            lambda payload: model.model_validate_json(payload, strict=True), verified.payload
        )
    except ValidationError as error:
        raise BadEnvelope(f"not a valid {model.TYPE}", value, error) from error
    if not envelope.model_fields_set >= _said_by(model):
        # Defaults spare the writer in Python; on the wire every envelope says all that it has to say.
        missing = min(_said_by(model) - envelope.model_fields_set)
        raise BadEnvelope(f"this {model.TYPE} does not say its {missing}", value)
    return envelope


@functools.cache
def _said_by(model: type[Envelope]) -> frozenset[str]:
    """The fields that every such envelope has on the wire."""
    return frozenset(model.model_fields.keys() - model.OPTIONAL)


def unseal(line: bytes, keys: Keyring, expect: type[E], now_ms: int) -> E:
    """Verify a line, then read it: the whole way in one step, for one expected model."""
    return read(verify(line, keys, (expect.TYPE,), now_ms), expect)


class BadEnvelope(ToolwireError):
    """Verified bytes that are not the envelope that they were signed as; the signer's own mistake.

    `value` is the parsed JSON where there is any, so that an answer can still find its way home; `cause`
    tells which fields do not fit the model.
    """

    def __init__(self, detail: str, value: object, cause: ValidationError | None = None) -> None:
        super().__init__(detail)
        self.value = value
        self.cause = cause


@functools.lru_cache(maxsize=1024)
def _prefix(type_: EnvelopeType, kid: str) -> bytes:
    """What is signed in front of an envelope's text."""
    return f"{_CONTEXT}{type_}\n{kid}\n".encode()
