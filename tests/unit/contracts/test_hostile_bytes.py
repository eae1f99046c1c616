"""Whatever bytes come, and whatever JSON is sent: splitting, sealing and parsing, by properties.

The readers are compared with a second one, `tests/fuzz/reference.py`, written from the protocol's words.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.reference import NotStrict, read_strictly, same, without_nulls
from tests.unit.contracts import samples
from tests.unit.contracts.samples import ENVELOPES, HMAC, KEYS, NOW_MS, SIGNERS, forge
from toolwire.contracts.encoding import NotJson, canonical, from_base64url, parse, sendable
from toolwire.contracts.envelopes import Control, Envelope, EnvelopeType
from toolwire.contracts.errors import DefinitionError, Unverified
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.keys import Signer
from toolwire.contracts.lines import MAX_LINES, join, split_body
from toolwire.contracts.sealing import BadEnvelope, digest, seal, split, unseal, verify
from toolwire.contracts.snapshots import JobSnapshot

TYPES: tuple[EnvelopeType, ...] = ("request", "response", "event", "control")
REASONS = {"bad_envelope", "unknown_key", "bad_signature"}
LINES = tuple(seal(envelope, signer) for envelope in ENVELOPES for signer in SIGNERS)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(texts, json_values, max_size=4)
signers = st.sampled_from(SIGNERS)
good_lines = st.sampled_from(LINES)


def done(result: Any) -> JobSnapshot:
    return samples.snapshot(status=Status.DONE, final=True, result=result, poll_after_ms=None)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    """One of the four, with any JSON wherever it may be."""
    match draw(st.sampled_from(TYPES)):
        case "request":
            return samples.request(args=draw(objects))
        case "response" if draw(st.booleans()):
            error = samples.WIRE_ERROR.model_copy(update={"data": draw(objects)})
            return samples.response(ok=False, status="error", result=None, error=error)
        case "response":
            return samples.response(result=draw(json_values))
        case "event" if draw(st.booleans()):
            return samples.event(event=EventName.OUTPUT, output=[draw(json_values)])
        case "event":
            return samples.event(event=EventName.DONE, data=done(draw(json_values)))
        case _:
            return Control(ts_ms=NOW_MS, server_id="server-1", action="cancel", data=draw(objects))


# --- sealing ---


@settings(max_examples=50)
@given(envelope=envelopes(), signer=signers)
def test_what_is_sealed_is_read_as_the_same_values(envelope: Envelope, signer: Signer) -> None:
    """Not only equal, for 1 equals 1.0 and True in Python: of the same kinds."""
    read = unseal(seal(envelope, signer), KEYS, type(envelope), NOW_MS)
    assert read == envelope
    assert same(parse(read.payload().encode()), parse(envelope.payload().encode()))


@settings(max_examples=50)
@given(envelope=envelopes(), signer=signers)
def test_splitting_undoes_sealing(envelope: Envelope, signer: Signer) -> None:
    line = seal(envelope, signer)
    parts = split(line)
    assert parts.payload == envelope.payload().encode()
    assert parts.kid == signer.kid
    assert len(from_base64url(parts.signature)) in (32, 64)
    assert verify(line, KEYS, TYPES, NOW_MS).digest == digest(line)
    assert split_body(join([line, line])) == [line, line]


@settings(max_examples=50)
@given(envelope=envelopes(), signer=signers, expect=st.sets(st.sampled_from(TYPES)))
def test_a_line_verifies_as_the_type_that_was_sealed_and_as_no_other(
    envelope: Envelope, signer: Signer, expect: set[EnvelopeType]
) -> None:
    line = seal(envelope, signer)
    if envelope.TYPE in expect:
        assert verify(line, KEYS, sorted(expect), NOW_MS).type == envelope.TYPE
    else:
        assert reason(line, sorted(expect)) == "bad_signature"


# --- bytes that nobody signed ---


def reason(line: bytes, expect: Sequence[EnvelopeType] = TYPES) -> str:
    with pytest.raises(Unverified) as refused:
        verify(line, KEYS, expect, NOW_MS)
    return refused.value.reason


KIDS = [signer.kid for signer in SIGNERS]


@st.composite
def nearly_lines(draw: st.DrawFn) -> bytes:
    """Bytes that have nearly the shape of a line, or quite."""
    kid = draw(st.sampled_from(KIDS) | st.from_regex(r"[A-Za-z0-9._-]{0,70}", fullmatch=True))
    signature = draw(st.from_regex(r"[A-Za-z0-9_=+/-]{40,130}", fullmatch=True))
    return b"{" + draw(st.binary(max_size=100)) + f',"signature":"{kid}:{signature}"}}'.encode()


@pytest.mark.promise("P1", "P9")
@settings(max_examples=50)
@given(st.binary(max_size=400) | nearly_lines())
def test_bytes_that_nobody_signed_are_refused_and_nothing_worse(line: bytes) -> None:
    assert reason(line) in REASONS


@pytest.mark.promise("P1", "P2")
@settings(max_examples=100)
@given(
    line=good_lines,
    other=good_lines,
    at=st.integers(0, 700),
    until=st.integers(0, 700),
    inserted=st.binary(max_size=4),
)
def test_a_line_that_was_cut_filled_or_spliced_is_refused(
    line: bytes, other: bytes, at: int, until: int, inserted: bytes
) -> None:
    for forged in (line[:at] + inserted + line[until:], line[:at] + other[until:], line[:at] + other[at:]):
        if forged not in LINES:
            assert reason(forged) in REASONS


@pytest.mark.promise("P9")
@settings(max_examples=50)
@given(
    st.lists(st.binary(min_size=1, max_size=30).filter(lambda line: not {10, 13} & set(line)), max_size=70)
)
def test_lines_are_joined_and_split_as_they_were_or_are_too_many(lines: list[bytes]) -> None:
    if 1 <= len(lines) <= MAX_LINES:
        assert split_body(join(lines)) == lines
    else:
        with pytest.raises(DefinitionError):
            join(lines)


@pytest.mark.promise("P9")
@settings(max_examples=50)
@given(st.lists(st.sampled_from([b"", b"{}", b"\r", b"\n"]), max_size=70).map(b"\n".join))
def test_a_body_is_split_at_every_newline_or_refused(body: bytes) -> None:
    pieces = body.split(b"\n")
    if len(pieces) <= MAX_LINES and b"" not in pieces and b"\r" not in body:
        assert split_body(body) == pieces
    else:
        with pytest.raises(Unverified):
            split_body(body)


# --- text that somebody signed ---

spellings = st.sampled_from(
    [
        "1.0",
        "-0",
        "-0.0",
        "1E5",
        "1e400",
        "-1e400",
        "NaN",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "9" * 309,
        "1" * 4301,
    ]
)
raw_strings = st.sampled_from(
    ['"\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\\x41"', '"a\tb"', "'a'", '"\\u0061"']
)
names = st.sampled_from(['"a"', '"\\u0061"', '"b"', '""'])
any_numbers = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
raw_json = st.recursive(
    spellings | raw_strings | any_numbers | st.sampled_from(["null", "true", "{}", "[]", "", "/**/"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(names, inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"
        )
        | inner.map(lambda text: f" {text}\n")
        | st.tuples(inner, st.integers(190, 210)).map(lambda deep: "[" * deep[1] + deep[0] + "]" * deep[1])
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(raw_json.map(str.encode) | st.binary(max_size=40))
def test_parse_agrees_with_another_reader(data: bytes) -> None:
    """Both take the same texts, for the same values, to the last bit of every number."""
    try:
        expected = read_strictly(data)
    except NotStrict:
        with pytest.raises(NotJson):
            parse(data)
    else:
        assert same(parse(data), expected)


@settings(max_examples=50)
@given(json_values)
def test_canonical_text_is_read_by_another_reader_as_the_same_value(value: Any) -> None:
    assert same(read_strictly(canonical(value).encode()), value)


@settings(max_examples=50)
@given(json_values)
def test_what_is_sendable_can_be_sent_in_every_envelope(value: Any) -> None:
    sendable(value)
    for envelope in (
        samples.request(args={"a": value}),
        samples.event(event=EventName.DONE, data=done(value)),
    ):
        assert unseal(seal(envelope, HMAC), KEYS, type(envelope), NOW_MS) == envelope


HOLE = "the place of any text"
WITH_HOLES: tuple[Envelope, ...] = (
    samples.request(args={"a": HOLE}),
    samples.response(result=HOLE),
    samples.response(
        ok=False,
        status="error",
        result=None,
        error=samples.WIRE_ERROR.model_copy(update={"data": {"a": HOLE}}),
    ),
    samples.event(event=EventName.OUTPUT, output=[HOLE]),
    samples.event(event=EventName.DONE, data=done([HOLE])),
    Control(ts_ms=NOW_MS, server_id="server-1", action="cancel", data={"a": HOLE}),
)


@pytest.mark.promise("P9")
@settings(max_examples=50)
@given(raw=raw_json, envelope=st.sampled_from(WITH_HOLES))
def test_any_text_in_a_free_value_is_read_as_it_is_or_refused(raw: str, envelope: Envelope) -> None:
    text = envelope.payload().replace(f'"{HOLE}"', raw).encode()
    line = forge(text, HMAC, type_=envelope.TYPE)
    try:
        expected = read_strictly(text)
    except NotStrict:
        with pytest.raises(BadEnvelope):
            unseal(line, KEYS, type(envelope), NOW_MS)
    else:
        read = parse(unseal(line, KEYS, type(envelope), NOW_MS).payload().encode())
        assert same(without_nulls(read), without_nulls(expected))
