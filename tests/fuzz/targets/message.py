"""Any bytes as the body of a message, then every line of it, on both sides (promises P1, P6 and P9)."""

from tests.fuzz import vectors
from tests.fuzz.target import Target
from tests.unit.services.given import CLIENTS_KEY, KEYS, NOW, OTHERS_KEY, SECRET, request
from toolwire.client.answers import Drop, lines_of, read_answer
from toolwire.contracts.errors import Unverified
from toolwire.contracts.lines import CONTENT_TYPE, MAX_LINES, split_body
from toolwire.contracts.sealing import seal, split
from toolwire.services.requests.authenticate import Authentic, Refused, authenticate

GOOD = tuple(seal(request(request_id="r", tool="t"), key) for key in (CLIENTS_KEY, OTHERS_KEY, SECRET))
REASONS = frozenset({"bad_envelope", "unknown_key", "revoked_key", "key_out_of_date", "bad_signature"})
WHOLE = frozenset({"too_large", "too_many_lines", "bad_lines"})


def seeds() -> list[bytes]:
    return [
        *vectors.lines("request"),
        *vectors.lines("response"),
        *GOOD,
        b"\n".join(GOOD),
        b"{}\n{}",
        b"\n" * MAX_LINES,
        b"{}\r\n{}",
    ]


def check(data: bytes) -> None:
    lines = _lines(data)
    assert lines_of(data, CONTENT_TYPE, None) == lines, "the client sees it otherwise"
    if isinstance(lines, Drop):
        assert lines.reason in WHOLE, lines.reason
        return
    assert b"\n".join(lines) == data, "bytes are lost between the lines"
    assert 1 <= len(lines) <= MAX_LINES
    for line in lines:
        _check_line(line)


def _lines(data: bytes) -> list[bytes] | Drop:
    try:
        return split_body(data)
    except Unverified as refused:
        return Drop(refused.reason)


def _check_line(line: bytes) -> None:
    _check_parts(line)
    found = authenticate(line, KEYS, "", NOW)
    if line in GOOD:
        assert isinstance(found, Authentic), "a good line is refused"
        return
    assert isinstance(found, Refused), "bytes that nobody signed are authentic"
    assert found.reason in REASONS, found.reason
    dropped = read_answer(line, KEYS, "client-1", None, NOW)
    assert isinstance(dropped, Drop), "bytes that nobody signed are an answer"
    assert not dropped.attributable, "bytes that nobody signed are attributed"


def _check_parts(line: bytes) -> None:
    try:
        parts = split(line)
    except Unverified:
        return
    assert parts.payload.startswith(b"{"), "what is signed is no object"
    tail = f',"signature":"{parts.kid}:{parts.signature}"}}'.encode()
    assert parts.payload[:-1] + tail == line, "a byte belongs to no part of the line"


TOKENS = (
    b',"signature":"',
    b'"}',
    CLIENTS_KEY.kid.encode(),
    SECRET.kid.encode(),
    b"\n",
    b"\r",
    b"A" * 43,
    b"A" * 86,
)
TARGET = Target(seeds, check, tokens=TOKENS)
