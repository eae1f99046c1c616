"""Who wrote a line: told from its bytes and the keys alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.services.given import (
    CLIENT,
    CLIENTS_KEY,
    KEYS,
    NOW,
    OTHERS_KEY,
    SECRET,
    key_of,
    request,
)
from toolwire.contracts.encoding import canonical
from toolwire.contracts.envelopes import Control, EnvelopeType, Event, Request, Response
from toolwire.contracts.errors import Code
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Keyring
from toolwire.contracts.sealing import digest, seal
from toolwire.services.requests.authenticate import Authentic, Refused, Unreadable, authenticate

ROUTE = "server-1.add"
TYPES: tuple[EnvelopeType, ...] = tuple(model.TYPE for model in (Request, Response, Event, Control))


def looked_at(line: bytes, keys: Keyring = KEYS, now_ms: int = NOW) -> Authentic | Unreadable | Refused:
    return authenticate(line, keys, ROUTE, now_ms)


def sign(payload: str, *, by: Ed25519Signer | HmacKey = CLIENTS_KEY, as_type: str = "request") -> bytes:
    """A line over any payload, signed as PROTOCOL says and not by our own `seal`, which refuses bad ones."""
    told = f"toolwire-sig-v1\n{as_type}\n{by.kid}\n{payload}".encode()
    return f'{payload[:-1]},"signature":"{by.kid}:{by.sign(told)}"}}'.encode()


def fields(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(request(request_id="request-x").payload())
    return told | changes


# --- authentic ---


@pytest.mark.promise("P3")
@pytest.mark.parametrize("signer", [CLIENTS_KEY, SECRET], ids=["Ed25519", "HMAC"])
def test_a_known_client_is_recognised_by_its_key(signer: Ed25519Signer | HmacKey) -> None:
    asked = request()
    line = seal(asked, signer)
    found = looked_at(line)
    assert isinstance(found, Authentic)
    assert (found.request, found.key.owner, found.key.kid) == (asked, CLIENT, signer.kid)
    assert (found.digest, found.routing_key) == (digest(line), ROUTE)


def test_who_the_envelope_claims_to_be_from_is_not_looked_at_here() -> None:
    """`decide` compares it with the owner of the key, and answers."""
    found = looked_at(seal(request(), OTHERS_KEY))
    assert isinstance(found, Authentic)
    assert (found.request.client_id, found.key.owner) == (CLIENT, "client-2")


# --- refused: no answer ---


@pytest.mark.promise("P1", "P6")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "bad_envelope"),
        (b"{}", "bad_envelope"),
        (b'{"v":"toolwire/1"}', "bad_envelope"),
        (b"\xff" * 300, "bad_envelope"),
        (seal(request(), CLIENTS_KEY)[1:], "bad_envelope"),
        (seal(request(), CLIENTS_KEY) + b" ", "bad_envelope"),
        (seal(request(), CLIENTS_KEY).replace(b"client-1.1:", b"client-1.9:"), "unknown_key"),
        (seal(request(), CLIENTS_KEY).replace(b"client-1.1:", b"client-2.1:"), "bad_signature"),
        (seal(request(), CLIENTS_KEY).replace(b"client-1.1:", b"client-1.2:"), "bad_signature"),
        (seal(request(args={"numbers": [1]}), CLIENTS_KEY).replace(b"[1]", b"[2]"), "bad_signature"),
        (seal(request(), HmacKey(SECRET.kid, b"t" * 32)), "bad_signature"),
    ],
)
def test_what_nobody_known_signed_is_refused(line: bytes, reason: str) -> None:
    assert looked_at(line) == Refused(reason)


@pytest.mark.promise("P3")
def test_a_public_key_is_no_secret() -> None:
    """The old trick: sign with HMAC under the bytes of the public key, and name the Ed25519 key."""
    forged = HmacKey(CLIENTS_KEY.kid, CLIENTS_KEY.public_bytes())
    assert looked_at(seal(request(), forged)) == Refused("bad_signature")


@pytest.mark.parametrize("type_", [type_ for type_ in TYPES if type_ != "request"])
def test_what_was_signed_as_something_else_is_no_request(type_: EnvelopeType) -> None:
    assert looked_at(sign(request().payload(), as_type=type_)) == Refused("bad_signature")


def test_a_revoked_key_is_refused() -> None:
    keys = Keyring([key_of(CLIENTS_KEY, CLIENT, revoked=True)])
    assert looked_at(seal(request(), CLIENTS_KEY), keys) == Refused("revoked_key")


@pytest.mark.parametrize(
    ("now_ms", "good"), [(NOW - 1, False), (NOW, True), (NOW + 10, True), (NOW + 11, False)]
)
def test_a_key_is_good_between_its_times(now_ms: int, good: bool) -> None:
    keys = Keyring([key_of(CLIENTS_KEY, CLIENT, not_before_ms=NOW, not_after_ms=NOW + 10)])
    found = looked_at(seal(request(), CLIENTS_KEY), keys, now_ms)
    assert isinstance(found, Authentic) if good else found == Refused("key_out_of_date")


@pytest.mark.promise("P1")
@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, 2_000), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_a_forgery(at: int, bit: int) -> None:
    line = bytearray(seal(request(request_id="request-x"), CLIENTS_KEY))
    line[at % len(line)] ^= 1 << bit
    assert isinstance(looked_at(bytes(line)), Refused)


@pytest.mark.promise("P1")
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_it(line: bytes) -> None:
    assert isinstance(looked_at(line), Refused)


# --- authentic and unreadable: answered where it can be ---


@pytest.mark.parametrize("version", ["mcp/0.1", "toolwire/2", "", 1, None, ["toolwire/1"], {"v": 1}])
def test_another_version_is_told_which_ones_are_spoken(version: object) -> None:
    found = looked_at(sign(canonical(fields(v=version))))
    assert isinstance(found, Unreadable)
    assert found.error.code is Code.UNSUPPORTED_VERSION
    assert found.error.data == {"supported": ["toolwire/1"]}
    assert (found.request_id, found.reply_to) == ("request-x", "instance-1")


def test_a_version_of_which_nothing_else_is_known_is_still_answered() -> None:
    found = looked_at(sign('{"reply_to":"instance-1","request_id":"request-x","v":"toolwire/9"}'))
    assert isinstance(found, Unreadable)
    assert found.error.code is Code.UNSUPPORTED_VERSION
    assert (found.request_id, found.reply_to) == ("request-x", "instance-1")


def test_a_bad_envelope_is_told_with_the_paths_of_what_does_not_fit() -> None:
    line = sign(canonical(fields(deadline_ms="soon", colour="blue")))
    found = looked_at(line)
    assert isinstance(found, Unreadable)
    assert (found.error.code, found.error.retryable) == (Code.INVALID_ENVELOPE, False)
    assert {told.path for told in found.error.fields or ()} == {"/deadline_ms", "/colour"}
    assert (found.key.owner, found.digest) == (CLIENT, digest(line))


def test_an_envelope_of_another_type_under_a_request_signature_is_unreadable() -> None:
    found = looked_at(sign(canonical(fields(type="response"))))
    assert isinstance(found, Unreadable)
    assert found.error.code is Code.INVALID_ENVELOPE


@pytest.mark.parametrize(
    ("request_id", "reply_to", "ids"),
    [
        ("request-x", "instance-1", ("request-x", "instance-1")),
        ("with space", "instance-1", (None, "instance-1")),
        ("request-x", "a.b", ("request-x", None)),
        ("request-x", "#", ("request-x", None)),
        (17, None, (None, None)),
        ([], {}, (None, None)),
    ],
)
@pytest.mark.promise("P6")
def test_only_ids_that_can_address_an_answer_are_taken(
    request_id: object, reply_to: object, ids: tuple[str | None, str | None]
) -> None:
    found = looked_at(sign(canonical(fields(nonce="?", request_id=request_id, reply_to=reply_to))))
    assert isinstance(found, Unreadable)
    assert (found.request_id, found.reply_to) == ids


@pytest.mark.parametrize(
    "payload",
    [
        "{not json}",
        '{"v":"toolwire/1","v":"toolwire/1"}',
        '{"ts_ms":1e400}',
        '{"ts_ms":NaN}',
        '{"args":' + "[" * 300 + "]" * 300 + "}",
    ],
    ids=["no JSON", "duplicate key", "1e400", "NaN", "too deep"],
)
def test_signed_bytes_that_are_not_strict_json_have_no_address(payload: str) -> None:
    found = looked_at(sign(payload))
    assert isinstance(found, Unreadable)
    assert found.error.code is Code.INVALID_ENVELOPE
    assert (found.error.fields, found.request_id, found.reply_to) == (None, None, None)


def test_nothing_of_a_bad_envelope_is_echoed() -> None:
    found = looked_at(sign(canonical(fields(nonce="a very private word"))))
    assert isinstance(found, Unreadable)
    assert "private" not in found.error.model_dump_json()


def test_a_second_spelling_of_a_signature_is_refused() -> None:
    """The last character of 64 bytes in base64url has unused bits: a lax decoder reads sixteen spellings."""
    line = seal(request(), CLIENTS_KEY)
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(line[-3])
    respelt = line[:-3] + bytes([alphabet[last ^ 1]]) + line[-2:]
    signature, other = (each[-88:-2] + b"==" for each in (line, respelt))
    assert base64.urlsafe_b64decode(signature) == base64.urlsafe_b64decode(other)
    assert looked_at(respelt) == Refused("bad_signature")
