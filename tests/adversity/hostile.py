"""Hostile requests as data: what is sent, and the reason that it is refused for.

`UNSIGNED` proves no sender: silence. `REFUSED` is signed and has a way home: a coded answer. `UNREADABLE` is
signed and has none: it is put aside. `DECORATIONS` stand around good lines and decide nothing.

Every line asks for `book`, which leaves a note where it runs: what is refused must leave none.
"""

import gzip
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.adversity.forger import (
    EARLY,
    LINES,
    OUTDATED,
    REVOKED,
    Forger,
    another_first,
    another_last,
    content,
    decorated,
    encoded,
    plus_order,
    sign_otherwise,
)
from tests.adversity.raw_amqp import (
    CORRELATION_ID,
    HEADERS,
    NOT_UTF8,
    POISONS,
    PRIORITY,
    REPLY_TO,
    TIMESTAMP,
    TYPE,
    Poison,
    long,
    short,
)
from tests.served import SERVER
from tests.stage import CLIENTS
from tests.unit.contracts.samples import forge
from toolwire.client.clock import now_ms
from toolwire.contracts.errors import Code
from toolwire.contracts.keys import Ed25519Signer
from toolwire.contracts.registry import MAX_TTL_S

MIB = 1024 * 1024

DECORATIONS: dict[str, bytes] = {
    "another reply address": decorated(REPLY_TO, short(b"thief")),
    "another correlation": decorated(CORRELATION_ID, short(b"thief")),
    "another type": decorated(TYPE, short(b"response")),
    "the highest priority": decorated(PRIORITY, b"\xff"),
    "an old timestamp": decorated(TIMESTAMP, bytes(8)),
    "a header value that is no UTF-8": decorated(HEADERS, long(short(b"a") + b"S" + long(NOT_UTF8))),
    "a count of deliveries": decorated(
        HEADERS, long(short(b"x-delivery-count") + b"l" + struct.pack(">q", 99))
    ),
    "a history of deaths": decorated(HEADERS, long(short(b"x-death") + b"S" + long(b"thief"))),
    "another reason": decorated(HEADERS, long(short(b"x-toolwire-reason") + b"S" + long(b"thief"))),
}
"""What may stand around good lines and must decide nothing."""


# --- what proves no sender --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A message that nobody known has signed. `tool` stands behind the server's name in the routing key."""

    reason: str
    body: Callable[[Forger], bytes]
    properties: bytes = LINES
    tool: bytes = b"book"
    may_be_refused: bool = False
    """By RabbitMQ 3.10, while 4.3 forwards it."""


def _poisoned(poison: Poison) -> Unsigned:
    return Unsigned(
        "malformed_properties" if poison.malformed else "bad_content_type",
        Forger.line,
        poison.properties,
        b"book" if poison.key == b"tool" else poison.key,
        poison.may_be_refused,
    )


def _tail(reason: str, change: Callable[[bytes], bytes]) -> Unsigned:
    """A good line that something is done to."""
    return Unsigned(reason, lambda forger: change(forger.line()))


BOMB = b'{"args":{"item":' + b"[" * 50_000 + b"1e400" + b"]" * 50_000 + b"}}"

UNSIGNED: dict[str, Unsigned] = {
    **{f"properties: {name}": _poisoned(poison) for name, poison in POISONS.items()},
    "no content type": Unsigned("bad_content_type", Forger.line, b"\x00\x00"),
    "content type of JSON": Unsigned("bad_content_type", Forger.line, content(b"application/json")),
    "content type with a charset": Unsigned(
        "bad_content_type", Forger.line, content(b"application/jsonl; charset=utf-8")
    ),
    "content type of a pickle": Unsigned(
        "bad_content_type", Forger.line, content(b"application/x-python-serialize")
    ),
    "gzip": Unsigned("bad_content_encoding", lambda f: gzip.compress(f.line()), encoded(b"gzip")),
    "an encoding that changes nothing": Unsigned("bad_content_encoding", Forger.line, encoded(b"utf-8")),
    "over 1 MiB": Unsigned("too_large", lambda f: f.line(args={"item": "x" * MIB})),
    "over 1 MiB of nothing": Unsigned("too_large", lambda _: bytes(MIB + 1)),
    "65 lines": Unsigned("too_many_lines", lambda f: b"\n".join([f.line()] * 65)),
    "a million lines": Unsigned("too_many_lines", lambda _: b"\n" * 1_000_000),
    "no line": Unsigned("bad_lines", lambda _: b""),
    "two empty lines": Unsigned("bad_lines", lambda _: b"\n"),
    "an empty line first": _tail("bad_lines", lambda line: b"\n" + line),
    "an empty line between": _tail("bad_lines", lambda line: line + b"\n\n" + line),
    "a newline at the end": _tail("bad_lines", lambda line: line + b"\n"),
    "CR and newline": _tail("bad_lines", lambda line: line + b"\r\n" + line),
    "CR at the end": _tail("bad_lines", lambda line: line + b"\r"),
    "text": Unsigned("bad_envelope", lambda _: b"hello"),
    "bytes": Unsigned("bad_envelope", lambda _: b"\x00\xff\xfe\x80"),
    "an array": Unsigned("bad_envelope", lambda f: b"[" + f.line() + b"]"),
    "an empty object": Unsigned("bad_envelope", lambda _: b"{}"),
    "a pickle": Unsigned("bad_envelope", lambda _: b"\x80\x04N."),
    "a byte order mark": _tail("bad_envelope", lambda line: b"\xef\xbb\xbf" + line),
    "UTF-16": _tail("bad_envelope", lambda line: line.decode().encode("utf-16-le")),
    "no signature": Unsigned("bad_envelope", lambda f: f.payload()),
    "an empty signature": _tail("bad_envelope", lambda line: sign_otherwise(line, lambda _: b"")),
    "a short signature": _tail("bad_envelope", lambda line: sign_otherwise(line, lambda s: s[:42])),
    "a padded signature": _tail("bad_envelope", lambda line: sign_otherwise(line, lambda s: s + b"==")),
    "standard base64": _tail("bad_envelope", lambda line: sign_otherwise(line, lambda s: b"+/" + s[2:])),
    "a signature without a key id": Unsigned(
        "bad_envelope", lambda f: f.payload()[:-1] + b',"signature":"' + b"A" * 86 + b'"}'
    ),
    "a space in the tail": _tail(
        "bad_envelope", lambda line: line.replace(b'"signature":', b'"signature": ')
    ),
    "a space behind the tail": _tail("bad_envelope", lambda line: line + b" "),
    "a field behind the signature": _tail("bad_envelope", lambda line: line[:-1] + b',"x":1}'),
    "the end cut off": _tail("bad_envelope", lambda line: line[:-1]),
    "half cut off": _tail("bad_envelope", lambda line: line[: len(line) // 2]),
    "the beginning cut off": _tail("bad_envelope", lambda line: line[1:]),
    "an unknown key": Unsigned("unknown_key", lambda f: f.line(f.stranger)),
    "the server's own key": Unsigned("unknown_key", lambda f: f.line(f.server)),
    "a key id in capitals": _tail("unknown_key", lambda line: line.replace(b'"client-001.', b'"CLIENT-001.')),
    "a revoked key": Unsigned("revoked_key", lambda f: f.line(f.bad[REVOKED])),
    "a key of the past": Unsigned("key_out_of_date", lambda f: f.line(f.bad[OUTDATED])),
    "a key of the future": Unsigned("key_out_of_date", lambda f: f.line(f.bad[EARLY])),
    "a wrong signature, Ed25519": _tail("bad_signature", lambda line: sign_otherwise(line, another_first)),
    "a wrong signature, HMAC": Unsigned(
        "bad_signature", lambda f: sign_otherwise(f.by_secret(), another_first)
    ),
    "another spelling, Ed25519": _tail("bad_signature", lambda line: sign_otherwise(line, another_last)),
    "another spelling, HMAC": Unsigned(
        "bad_signature", lambda f: sign_otherwise(f.by_secret(), another_last)
    ),
    "S plus the order": _tail("bad_signature", lambda line: sign_otherwise(line, plus_order)),
    "a signature of zeros": _tail("bad_signature", lambda line: sign_otherwise(line, lambda _: b"A" * 86)),
    "an impostor": Unsigned("bad_signature", lambda f: f.line(f.impostor)),
    "HMAC with the public key as secret": Unsigned("bad_signature", lambda f: f.line(f.confused)),
    "Ed25519 under the secret's key id": Unsigned(
        "bad_signature", lambda f: f.line(Ed25519Signer(f.shared.kid, secrets.token_bytes(32)))
    ),
    "the key id of somebody else": _tail(
        "bad_signature", lambda line: line.replace(b'"client-001.', b'"client-002.')
    ),
    "signed as a response": Unsigned("bad_signature", lambda f: f.line(type_="response")),
    "signed as an event": Unsigned("bad_signature", lambda f: f.line(type_="event")),
    "signed as control": Unsigned("bad_signature", lambda f: f.line(type_="control")),
    "a changed value": _tail("bad_signature", lambda line: line.replace(b'"loot"', b'"boot"')),
    "a space more": _tail("bad_signature", lambda line: line.replace(b'{"args"', b'{ "args"')),
    "a bomb for parsers": Unsigned("bad_signature", lambda f: forge(BOMB, f.impostor)),
}


# --- signed, and refused by an answer ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """A signed line with a way home, for the request id that is given."""

    code: Code
    line: Callable[[Forger, str], bytes]
    key: str = f"{SERVER}.book"


def _fields(code: Code, **fields: Any) -> Refused:
    return Refused(code, lambda forger, request_id: forger.with_fields(request_id, **fields))


def _times(code: Code, ts: int, deadline: int) -> Refused:
    """A request whose times lie so many seconds from now."""

    def line(forger: Forger, request_id: str) -> bytes:
        now = now_ms()
        return forger.line(request_id=request_id, ts_ms=now + 1000 * ts, deadline_ms=now + 1000 * deadline)

    return Refused(code, line)


def _elsewhere(code: Code, key: str = f"{SERVER}.book", **changes: Any) -> Refused:
    return Refused(code, lambda forger, request_id: forger.line(request_id=request_id, **changes), key)


REFUSED: dict[str, Refused] = {
    "an extra field": _fields(Code.INVALID_ENVELOPE, extra=1),
    "a hundred extra fields": _fields(Code.INVALID_ENVELOPE, **{f"x{n}": n for n in range(100)}),
    "a very long field name": _fields(Code.INVALID_ENVELOPE, **{"x" * 500_000: 1}),
    "a signature inside": _fields(Code.INVALID_ENVELOPE, signature="client-002.1:AAAA"),
    "another type inside": _fields(Code.INVALID_ENVELOPE, type="response"),
    "no type": _fields(Code.INVALID_ENVELOPE, type=...),
    "no version": _fields(Code.INVALID_ENVELOPE, v=...),
    "no nonce": _fields(Code.INVALID_ENVELOPE, nonce=...),
    "no deadline": _fields(Code.INVALID_ENVELOPE, deadline_ms=...),
    "no client": _fields(Code.INVALID_ENVELOPE, client_id=...),
    "a deadline in words": _fields(Code.INVALID_ENVELOPE, deadline_ms="tomorrow"),
    "a deadline with a fraction": _fields(Code.INVALID_ENVELOPE, deadline_ms=1.5),
    "a time that is true": _fields(Code.INVALID_ENVELOPE, ts_ms=True),
    "a time before 1970": _fields(Code.INVALID_ENVELOPE, ts_ms=-1),
    "a time that JavaScript would round": _fields(Code.INVALID_ENVELOPE, deadline_ms=2**53),
    "a short nonce": _fields(Code.INVALID_ENVELOPE, nonce="short"),
    "a tool with a slash": _fields(Code.INVALID_ENVELOPE, tool="../book"),
    "a client with a wildcard": _fields(Code.INVALID_ENVELOPE, client_id="#"),
    "a newline behind an id": _fields(Code.INVALID_ENVELOPE, client_id="client-001\n"),
    "arguments in an array": _fields(Code.INVALID_ENVELOPE, args=[1]),
    "no arguments": _fields(Code.INVALID_ENVELOPE, args=None),
    "the next version": _fields(Code.UNSUPPORTED_VERSION, v="toolwire/2", priority=9),
    "the tutorial's version": _fields(Code.UNSUPPORTED_VERSION, v="mcp/0.1"),
    "a version that is a number": _fields(Code.UNSUPPORTED_VERSION, v=1),
    "a version that is a list": _fields(Code.UNSUPPORTED_VERSION, v=[]),
    "the name of somebody else": _elsewhere(Code.FORBIDDEN, client_id=CLIENTS[1]),
    "the name of nobody": _elsewhere(Code.FORBIDDEN, client_id="client-999"),
    "another server": _elsewhere(Code.WRONG_SERVER, server_id="server-2"),
    "another tool's key": _elsewhere(Code.WRONG_DESTINATION, f"{SERVER}.add"),
    "no tool in the key": _elsewhere(Code.WRONG_DESTINATION, SERVER),
    "more behind the key": _elsewhere(Code.WRONG_DESTINATION, f"{SERVER}.book.now"),
    "another tool in the line": _elsewhere(Code.WRONG_DESTINATION, tool="ship"),
    "a clock that is ahead": _times(Code.CLOCK_SKEW, ts=60, deadline=90),
    "a deadline long past": _times(Code.EXPIRED, ts=-120, deadline=-60),
    "a deadline before its time": _times(Code.TTL_TOO_LONG, ts=10, deadline=5),
    "a deadline far away": _times(Code.TTL_TOO_LONG, ts=0, deadline=MAX_TTL_S + 1),
    "no such tool": _elsewhere(Code.TOOL_NOT_AVAILABLE, f"{SERVER}.steal", tool="steal"),
    "arguments that do not fit": _elsewhere(Code.INVALID_ARGS, args={"item": 1}),
}


# --- signed, and without a way home -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A signed line that cannot be answered."""

    line: Callable[[Forger], bytes]
    reason: Code = Code.INVALID_ENVELOPE


def _instead(old: bytes, new: bytes) -> Unreadable:
    return Unreadable(lambda forger: forger.with_text(old, new))


UNREADABLE: dict[str, Unreadable] = {
    "two keys alike": _instead(b'{"args"', b'{"tool":"ship","args"'),
    "two keys alike, one escaped": _instead(b'{"args"', b'{"t\\u006fol":"ship","args"'),
    "two arguments alike": _instead(b'"item"', b'"item":"a","item"'),
    "NaN": _instead(b'"loot"', b"NaN"),
    "an infinity": _instead(b'"loot"', b"-Infinity"),
    "1e400": _instead(b'"loot"', b"1e400"),
    "an integer of 400 digits": _instead(b'"loot"', b"9" * 400),
    "a thousand arrays in each other": _instead(b'"loot"', b"[" * 1000 + b"]" * 1000),
    "100,000 open arrays": _instead(b'"loot"', b"[" * 100_000),
    "no UTF-8": _instead(b'"loot"', b'"\xff"'),
    "half a character": _instead(b'"loot"', b'"\\ud800"'),
    "a control character": _instead(b'"loot"', b'"\x00"'),
    "a comma too much": _instead(b'"loot"}', b'"loot",}'),
    "a comment": _instead(b'"loot"', b'/* */"loot"'),
    "a second object": _instead(b'"loot"}', b'"loot"}},{"a":{}'),
    "no JSON at all": Unreadable(lambda f: forge(b"{hello}", f.own)),
    "nothing inside": Unreadable(lambda f: forge(b"{}", f.own)),
    "no request id": Unreadable(lambda f: f.with_fields("r", request_id=...)),
    "no reply address": Unreadable(lambda f: f.with_fields("r", reply_to=...)),
    "a request id that is a list": Unreadable(lambda f: f.with_fields("r", request_id=["r"])),
    "a reply address with a wildcard": Unreadable(lambda f: f.with_fields("r", reply_to="#")),
    "a reply address with a dot": Unreadable(lambda f: f.with_fields("r", reply_to="desk.client-002")),
    "another version without an address": Unreadable(
        lambda f: f.with_fields("r", v="toolwire/2", reply_to=...), Code.UNSUPPORTED_VERSION
    ),
}
