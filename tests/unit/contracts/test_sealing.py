"""Sealing: what is signed comes back as it was, and nothing else comes back at all."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.contracts import samples
from tests.unit.contracts.samples import ED25519, ENVELOPES, HMAC, KEYS, NOW_MS, SIGNERS, forge
from toolwire.contracts.encoding import canonical, from_base64url
from toolwire.contracts.envelopes import Control, Envelope, Request, Response
from toolwire.contracts.errors import DefinitionError, ToolwireError, Unverified
from toolwire.contracts.jobs import EventName
from toolwire.contracts.keys import HmacKey, Key, Keyring, Signer
from toolwire.contracts.lines import MAX_BODY_BYTES
from toolwire.contracts.sealing import (
    MAX_LINE_BYTES,
    BadEnvelope,
    digest,
    read,
    seal,
    seal_each,
    split,
    unseal,
    verify,
)

BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def refusal(line: bytes, keys: Keyring = KEYS, now_ms: int = NOW_MS) -> str:
    """The reason why a line is refused as a request."""
    with pytest.raises(Unverified) as refused:
        verify(line, keys, ("request",), now_ms)
    return refused.value.reason


def bad(payload: bytes) -> BadEnvelope:
    """How a request of these bytes is refused although its signature is correct."""
    with pytest.raises(BadEnvelope) as refused:
        unseal(forge(payload), KEYS, Request, NOW_MS)
    return refused.value


def request_text(**members: str) -> bytes:
    """A valid request as JSON text, in which `members` are replaced by raw text."""
    text = samples.request().payload()
    for name, raw in members.items():
        text = re.sub(rf'"{name}":("[^"]*"|\{{[^}}]*\}}|\d+)', lambda _, n=name, r=raw: f'"{n}":{r}', text)  # type: ignore[misc]  # bound now
    return text.encode()


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.kid)
@pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda envelope: envelope.TYPE)
def test_what_is_sealed_is_unsealed_as_it_was(envelope: Envelope, signer: Signer) -> None:
    assert unseal(seal(envelope, signer), KEYS, type(envelope), NOW_MS) == envelope


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.kid)
def test_no_byte_of_a_line_can_be_changed(signer: Signer) -> None:
    """Every byte is covered: by the shape, by the key's name, or by the signature."""
    line = seal(samples.request(), signer)
    for place, byte in enumerate(line):
        # Ed25519 costs 0.1 ms: every bit for HMAC, one for Ed25519.
        for bit in range(8) if signer is HMAC else (place % 8,):
            changed = bytearray(line)
            changed[place] = byte ^ 1 << bit
            refusal(bytes(changed))


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.kid)
def test_nothing_can_be_added_or_cut_off(signer: Signer) -> None:
    line = seal(samples.request(), signer)
    for changed in (
        line + b" ",
        b" " + line,
        line[1:],
        line[:-1],
        line + b"\n",
        line + line,
        b"{" + line,
        b"",
    ):
        refusal(changed)


@pytest.mark.promise("P2")
@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.kid)
def test_a_request_cannot_be_read_as_a_response(signer: Signer) -> None:
    """Under a shared secret client and server sign with one key: the type is signed to keep them apart."""
    line = seal(samples.request(), signer)
    with pytest.raises(Unverified, match="bad_signature"):
        verify(line, KEYS, ("response", "event", "control"), NOW_MS)
    assert verify(line, KEYS, ("response", "request"), NOW_MS).type == "request"


def test_what_was_verified_as_one_type_is_not_read_as_another() -> None:
    verified = verify(seal(samples.request(), HMAC), KEYS, ("request",), NOW_MS)
    with pytest.raises(BadEnvelope, match="signed as request, read as response"):
        read(verified, Response)


def test_the_type_inside_must_be_the_type_that_was_signed() -> None:
    payload = samples.request().payload().encode()
    with pytest.raises(BadEnvelope, match="not a valid response"):
        unseal(forge(payload, type_="response"), KEYS, Response, NOW_MS)


@pytest.mark.promise("P3")
def test_the_key_id_is_signed() -> None:
    """Two ids of one secret: a line cannot be moved from one to the other, say to one that is not revoked."""
    other = HmacKey("other-key", HMAC.secret)
    keys = Keyring([Key(HMAC.kid, "client-001", HMAC), Key("other-key", "client-002", other)])
    line = seal(samples.request(), HMAC)
    assert refusal(line.replace(b'"shared-key.1:', b'"other-key:'), keys) == "bad_signature"


@pytest.mark.promise("P3")
def test_the_algorithm_is_the_keys() -> None:
    """A public key used as an HMAC secret, the classic confusion of algorithms, verifies nothing."""
    forger = HmacKey(ED25519.kid, ED25519.public_bytes())
    assert refusal(seal(samples.request(), forger)) == "bad_signature"
    named = samples.request().payload()[:-1].encode() + b',"alg":"HS256"}'
    assert refusal(forge(named, forger)) == "bad_signature"


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.kid)
def test_a_signature_has_one_spelling(signer: Signer) -> None:
    """The last character holds unused bits: sixteen (or four) spellings decode alike, one is accepted."""
    line = seal(samples.request(), signer)
    spellings = [line[:-3] + bytes([last]) + line[-2:] for last in BASE64URL]
    accepted = [spelling for spelling in spellings if _verifies(spelling)]
    assert accepted == [line]
    refusal(line[:-2] + b"=" + line[-2:])


def _verifies(line: bytes) -> bool:
    try:
        verify(line, KEYS, ("request",), NOW_MS)
    except Unverified:
        return False
    return True


def test_other_alphabets_are_not_signatures() -> None:
    line = seal(samples.request(), HMAC)
    tail = line[-45:-2]
    for replaced in (b"+" + tail[1:], b"/" + tail[1:], "é".encode() + tail[2:], b" " + tail[1:]):
        assert refusal(line[:-45] + replaced + line[-2:]) == "bad_envelope"


@pytest.mark.parametrize(
    "tail",
    [
        b',"signature":"%b:%b"}' % (b"k" * 65, b"A" * 43),
        b',"signature":"%b:%b"}' % (b"k", b"A" * 42),
        b',"signature":"%b:%b"}' % (b"k", b"A" * 129),
        b',"signature":"%b:%b"}' % (b"k" * 64, b"A" * 300),
        b',"signature":"%b:%b"}' % (b"-k", b"A" * 43),
        b',"signature":"k\xc3\xa9:%b"}' % (b"A" * 43),
        b',"signature":"k:%b"}\n' % (b"A" * 43),
        b',"signature": "k:%b"}' % (b"A" * 43),
        b',"Signature":"k:%b"}' % (b"A" * 43),
        b"}",
    ],
)
def test_a_tail_of_another_shape_is_refused(tail: bytes) -> None:
    assert refusal(b'{"v":1' + tail) == "bad_envelope"


def test_the_longest_tail_is_found() -> None:
    line = b'{"v":1,"signature":"%b:%b"}' % (b"k" * 64, b"A" * 128)
    assert split(line).payload == b'{"v":1}'
    assert split(line).kid == "k" * 64


def test_text_that_looks_like_a_signature_stays_text() -> None:
    """In a JSON string the quotes are escaped, so that only the real tail has the tail's shape."""
    tail = ',"signature":"client-key.1:' + "A" * 86 + '"}'
    request = samples.request(args={"z": tail, "signature": tail}, tool="zzz")
    assert unseal(seal(request, ED25519), KEYS, Request, NOW_MS) == request


@pytest.mark.promise("P1")
@pytest.mark.parametrize("payload", [b"{not json at all}", b"{\xff\xfe\x00}", b"{" + b"[" * 100_000 + b"}"])
def test_nothing_is_parsed_before_it_is_verified(payload: bytes) -> None:
    """What no parser accepts is refused for its key or signature; a correct one brings it to the parser."""
    stranger = HmacKey("stranger", HMAC.secret)
    forger = HmacKey(HMAC.kid, b"another secret, also of 32 bytes")
    assert refusal(forge(payload, stranger)) == "unknown_key"
    assert refusal(forge(payload, forger)) == "bad_signature"
    assert bad(payload).value is None


def test_only_an_object_can_be_a_line() -> None:
    assert refusal(forge(b"[1]", HMAC)) == "bad_envelope"


def test_a_signature_inside_the_signed_text_is_refused() -> None:
    payload = samples.request().payload()[:-1].encode() + b',"signature":"k:AAAA"}'
    assert bad(payload).cause is not None


@pytest.mark.parametrize(
    "payload",
    [
        request_text()[:-1] + b',"v":"toolwire/1"}',
        request_text()[:-1] + b',"\\u0076":"toolwire/1"}',
        request_text(args='{"a":1,"a":2}'),
        request_text(args='{"a":1,"\\u0061":2}'),
        request_text(args='{"a":NaN}'),
        request_text(args='{"a":Infinity}'),
        request_text(args='{"a":-Infinity}'),
        request_text(args='{"a":1e400}'),
        request_text(args='{"a":-1E+0400}'),
        request_text(args='{"a":%se99}' % ("1" * 250)),
        request_text(args='{"a":%s}' % ("9" * 400)),
        request_text(args='{"a":%s}' % ("9" * 5000)),
        request_text(args='{"a":"\\ud800"}'),
        request_text(args='{"a":' + "[" * 200 + "]" * 200 + "}"),
        request_text(args='{"a":%s}' % ("[" * 100_000)),
        request_text(args='{"a":%s}' % ('{"a":' * 100_000)),
        request_text(args='{"a":"\n"}'),
        request_text(args='{"a":1,}'),
        request_text() + b"}",
        request_text()[:-1] + b"/**/}",
        b"{}",
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda payload: repr(payload[:40]),
)
def test_signed_text_that_is_not_strict_json_is_a_bad_envelope(payload: bytes) -> None:
    if payload.startswith(b"{"):
        bad(payload)
    else:
        assert refusal(forge(payload)) == "bad_envelope"


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("ts_ms", "true"),
        ("ts_ms", "1.0"),
        ("ts_ms", '"1"'),
        ("ts_ms", "-1"),
        ("ts_ms", "9007199254740992"),
        ("ts_ms", "null"),
        ("v", '"toolwire/2"'),
        ("v", "1"),
        ("type", '"response"'),
        ("request_id", '"a\\n"'),
        ("request_id", '"\\u00e9"'),
        ("request_id", '"a\\u0000"'),
        ("client_id", '""'),
        ("client_id", '"%s"' % ("a" * 65)),
        ("server_id", '"a.b"'),
        ("tool", '"a b"'),
        ("tool", '"a\\n"'),
        ("args", "[]"),
        ("args", "null"),
        ("nonce", '"short"'),
        ("reply_to", '"../x"'),
    ],
)
def test_a_field_that_does_not_fit_is_a_bad_envelope_that_carries_the_rest(name: str, raw: str) -> None:
    """The value is there for an answer that says what is wrong, and never in the exception's text."""
    refused = bad(request_text(**{name: raw}))
    assert isinstance(refused.value, dict)
    assert refused.cause is not None
    assert {error["loc"][0] for error in refused.cause.errors()} == {name}
    assert "input_value" not in f"{refused} {refused.cause}"


def test_an_unknown_field_is_a_bad_envelope() -> None:
    bad(request_text()[:-1] + b',"extra":1}')


def parts_of(envelope: Envelope) -> dict[str, Any]:
    """What an envelope says on the wire."""
    parts: dict[str, Any] = json.loads(envelope.payload())
    return parts


@pytest.mark.parametrize(
    ("envelope", "name"),
    [
        pytest.param(envelope, name, id=f"{envelope.TYPE} without {name}")
        for envelope in ENVELOPES
        for name in sorted(type(envelope).model_fields.keys() - envelope.OPTIONAL)
    ],
)
def test_an_envelope_that_leaves_out_what_is_always_sent_is_a_bad_one(envelope: Envelope, name: str) -> None:
    """Also where the model has a default: that spares the writer in Python, and lets no reader guess."""
    parts = parts_of(envelope)
    del parts[name]
    line = forge(canonical(parts).encode(), type_=envelope.TYPE)
    with pytest.raises(BadEnvelope) as refused:
        unseal(line, KEYS, type(envelope), NOW_MS)
    assert refused.value.value == parts
    assert name in f"{refused.value} {refused.value.cause}"


@pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda envelope: envelope.TYPE)
def test_what_is_not_always_sent_may_be_left_out(envelope: Envelope) -> None:
    assert parts_of(envelope).keys() == type(envelope).model_fields.keys() - envelope.OPTIONAL
    line = forge(canonical(parts_of(envelope)).encode(), type_=envelope.TYPE)
    assert unseal(line, KEYS, type(envelope), NOW_MS) == envelope


def test_large_integers_stay_exact() -> None:
    request = samples.request(args={"n": [2**53 + 1, 2**64 + 1, 10**300 + 1, -(10**300) - 1]})
    assert unseal(seal(request, HMAC), KEYS, Request, NOW_MS) == request


def test_the_verifier_reads_what_another_json_library_wrote() -> None:
    """Only the tail has one spelling: spaces, escapes and the order of fields are the sender's own."""
    payload = b'{ "type" : "request", ' + request_text()[1:].replace(b'"type":"request",', b"")
    assert unseal(forge(payload), KEYS, Request, NOW_MS) == samples.request()


@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (Key(HMAC.kid, "c", HMAC, revoked=True), "revoked_key"),
        (Key(HMAC.kid, "c", HMAC, not_before_ms=NOW_MS + 1), "key_out_of_date"),
        (Key(HMAC.kid, "c", HMAC, not_after_ms=NOW_MS - 1), "key_out_of_date"),
    ],
)
def test_a_key_that_is_not_good_now_verifies_nothing(key: Key, reason: str) -> None:
    assert refusal(seal(samples.request(), HMAC), Keyring([key])) == reason


def test_a_line_has_a_largest_size() -> None:
    """Exactly the limit goes, one byte more does not: a line alone always fits a message."""
    overhead = len(seal(samples.request(args={"a": ""}), HMAC))
    fits = samples.request(args={"a": "x" * (MAX_LINE_BYTES - overhead)})
    assert len(seal(fits, HMAC)) == MAX_LINE_BYTES == MAX_BODY_BYTES
    with pytest.raises(
        DefinitionError, match="this request has 1048577 bytes; a message holds at most 1048576"
    ):
        seal(samples.request(args={"a": "x" * (MAX_LINE_BYTES - overhead + 1)}), HMAC)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "result",
    [
        *(float("nan"), [float("inf")], "\ud800", nested(220), 10**400),
        *(["x" * size, wrong] for size in (4000, 100_000) for wrong in (nested(220), 10**309, float("nan"))),
    ],
    ids=lambda result: type(result).__name__,
)
def test_what_no_receiver_could_read_is_not_sealed(result: Any) -> None:
    with pytest.raises(DefinitionError, match="this response cannot be sent"):
        seal(samples.response(result=result), HMAC)


def test_one_envelope_is_sealed_under_several_keys() -> None:
    assert seal_each(samples.event(), SIGNERS) == [seal(samples.event(), signer) for signer in SIGNERS]
    with pytest.raises(DefinitionError, match="this response cannot be sent"):
        seal_each(samples.response(result=nested(220)), SIGNERS)


def test_a_digest_names_one_line() -> None:
    line = seal(samples.request(), HMAC)
    assert digest(line) == verify(line, KEYS, ("request",), NOW_MS).digest
    assert len(from_base64url(digest(line))) == 32
    assert digest(line) != digest(seal(samples.request(ts_ms=NOW_MS + 1), HMAC))


def test_a_bad_envelope_is_one_of_toolwires_exceptions() -> None:
    assert issubclass(BadEnvelope, ToolwireError)


@pytest.mark.promise("P9")
@given(
    st.binary(max_size=400)
    | st.binary(max_size=100).map(lambda start: b"{" + start + seal(samples.request(), HMAC)[-80:])
)
def test_hostile_bytes_are_refused_and_nothing_worse(line: bytes) -> None:
    refusal(line)


@pytest.mark.promise("P9")
@given(st.binary(max_size=200))
def test_hostile_signed_bytes_are_a_bad_envelope_and_nothing_worse(inner: bytes) -> None:
    bad(b"{" + inner + b"}")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
times = st.integers(0, 2**53 - 1)


@settings(max_examples=50)
@given(
    id_=ids,
    ts_ms=times,
    tool=st.from_regex(r"[A-Za-z0-9_.-]{1,128}", fullmatch=True),
    args=st.dictionaries(st.text(max_size=8), json_values, max_size=4),
    result=json_values,
)
def test_sealing_and_unsealing_is_the_identity(
    id_: str, ts_ms: int, tool: str, args: dict[str, Any], result: Any
) -> None:
    snapshot = samples.snapshot(tool=tool)
    envelopes: tuple[Envelope, ...] = (
        samples.request(request_id=id_, client_id=id_, ts_ms=ts_ms, tool=tool, args=args),
        samples.response(server_id=id_, result=result),
        samples.event(event=EventName.OUTPUT, output=[result], data=snapshot, client_id=id_),
        Control(ts_ms=ts_ms, server_id=id_, action="cancel", data=args),
    )
    for envelope in envelopes:
        assert unseal(seal(envelope, HMAC), KEYS, type(envelope), NOW_MS) == envelope
