"""What was put aside, as an operator looks at it: who signed each line is checked again, now.

Nothing is parsed that does not verify (promise P1), but by `read_unverified`, which is for those who insist.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from pydantic import ValidationError

from toolwire.broker.delivery import Delivery
from toolwire.broker.topology import ASIDE_KEY, ASIDE_REASON, ASIDE_TIME
from toolwire.contracts.encoding import NotJson, parse
from toolwire.contracts.envelopes import Request
from toolwire.contracts.errors import Unverified
from toolwire.contracts.keys import Keyring
from toolwire.contracts.lines import split_body
from toolwire.contracts.sealing import BadEnvelope, digest, read, split, verify

SHORTEST_NAME = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a message, judged with the keys that are good now."""

    text: bytes
    digest: str
    """base64url of SHA-256, as the protocol names lines."""
    kid: str | None
    """The key that it names; None where it has no line's shape."""
    refusal: str | None
    """Why nobody known signed it, in one word; None where its signature is good."""
    request: Request | None
    """What it asks for; None unless verified and readable."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that was put aside. Unsigned: everything but the requests of its verified lines."""

    digest: str
    """Hexadecimal SHA-256 of the body: its name, of which a beginning is enough."""
    reason: str
    when_ms: int | None
    routing_key: str
    size: int
    lines: tuple[Line, ...]
    unreadable: str | None
    """Why the body is no message of lines, in one word."""
    body: bytes
    copies: tuple[Delivery, ...]
    """The broker's messages with this body; the same may be put aside twice."""

    @property
    def requests(self) -> list[Request]:
        """What its verified lines ask for."""
        return [line.request for line in self.lines if line.request is not None]

    async def remove(self) -> bool:
        """Take it out of the queue. False where it may still be there: the connection was lost."""
        return all([await copy.ack() for copy in self.copies])


def letters_in(messages: Iterable[Delivery], keys: Keyring, now_ms: int) -> list[Letter]:
    """The messages as letters, in their order; those with the same body are one."""
    by_body: dict[bytes, list[Delivery]] = {}
    for message in messages:
        by_body.setdefault(message.body, []).append(message)
    return [_letter(body, copies, keys, now_ms) for body, copies in by_body.items()]


def names_of(letters: Sequence[Letter]) -> dict[str, str]:
    """The shortest names that tell these letters apart, by digest."""
    length = SHORTEST_NAME
    while len({letter.digest[:length] for letter in letters}) < len(letters):
        length += 1
    return {letter.digest: letter.digest[:length] for letter in letters}


def read_unverified(line: Line) -> Request | None:
    """What a line asks for, though nobody knows who wrote it. None where it cannot be read."""
    try:
        payload = split(line.text).payload
        parse(payload)
        return Request.model_validate_json(payload, strict=True)
    except (Unverified, NotJson, ValidationError):
        return None


def _letter(body: bytes, copies: list[Delivery], keys: Keyring, now_ms: int) -> Letter:
    reason, when_ms, key = _label(copies[0])
    lines: tuple[Line, ...] = ()
    unreadable = None
    try:
        lines = tuple(_line(text, keys, now_ms) for text in split_body(body))
    except Unverified as refused:
        unreadable = refused.reason
    return Letter(
        digest=hashlib.sha256(body).hexdigest(),
        reason=reason,
        when_ms=when_ms,
        routing_key=key,
        size=len(body),
        lines=lines,
        unreadable=unreadable,
        body=body,
        copies=tuple(copies),
    )


def _line(text: bytes, keys: Keyring, now_ms: int) -> Line:
    try:
        kid = split(text).kid
    except Unverified as refused:
        return Line(text, digest(text), None, refused.reason, None)
    try:
        verified = verify(text, keys, (Request.TYPE,), now_ms)
    except Unverified as refused:
        return Line(text, digest(text), kid, refused.reason, None)
    try:
        request = read(verified, Request)
    except BadEnvelope:
        return Line(text, digest(text), kid, None, None)
    if request.client_id != verified.key.owner:
        return Line(text, digest(text), kid, "forbidden", None)
    return Line(text, digest(text), kid, None, request)


def _label(delivery: Delivery) -> tuple[str, int | None, str]:
    """Reason, time and routing key, as the broker or the service wrote them."""
    if delivery.malformed is not None:
        return "unknown", None, delivery.routing_key
    death = _death(delivery.headers)
    if death is not None:  # the broker's word goes before a header that a client may have sent along
        when = death.get("time")
        when_ms = round(when.timestamp() * 1000) if isinstance(when, datetime) else None
        return _word(death.get("reason")), when_ms, delivery.routing_key
    when_text = delivery.headers.get(ASIDE_TIME)
    when_ms = int(when_text) if isinstance(when_text, str) and _is_millis(when_text) else None
    key = delivery.headers.get(ASIDE_KEY)
    return (
        _word(delivery.headers.get(ASIDE_REASON)),
        when_ms,
        key if isinstance(key, str) else delivery.routing_key,
    )


def _death(headers: Mapping[str, object]) -> Mapping[str, object] | None:
    """The newest entry of `x-death`, which RabbitMQ writes when it dead-letters; newer ones stand first."""
    deaths = headers.get("x-death")
    if not isinstance(deaths, list) or not deaths:
        return None
    newest = cast("list[object]", deaths)[0]
    return cast("Mapping[str, object]", newest) if isinstance(newest, dict) else None


def _word(value: object) -> str:
    """A reason, if it looks like one."""
    text = value if isinstance(value, str) else ""
    return text if 0 < len(text) <= 64 and text.replace("_", "").replace("-", "").isalnum() else "unknown"


def _is_millis(text: str) -> bool:
    return len(text) <= 15 and text.isascii() and text.isdigit()
