"""The client's checks, one by one: a line is an answer to this client, or it is dropped for one reason."""

import secrets
from typing import Any

import pytest

from tests.unit.contracts import samples
from toolwire.client.answers import Drop, lines_of, read_answer
from toolwire.contracts.encoding import canonical
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Key, Keyring, Signer, ed25519_verifier
from toolwire.contracts.lines import CONTENT_TYPE, MAX_BODY_BYTES, MAX_LINES
from toolwire.contracts.sealing import seal

SERVER = Ed25519Signer("server-1.1", secrets.token_bytes(32))
OLD = Ed25519Signer("server-1.0", secrets.token_bytes(32))
OTHER = Ed25519Signer("server-2.1", secrets.token_bytes(32))
SECRET = HmacKey("client-001.2", bytes(32))


def key(signer: Ed25519Signer, owner: str, **more: Any) -> Key:
    return Key(signer.kid, owner, ed25519_verifier(signer.public_bytes(), signer.kid), **more)


PINNED = Keyring(
    [
        key(SERVER, "server-1"),
        key(OLD, "server-1", revoked=True),
        key(OTHER, "server-2"),
        Key(SECRET.kid, "server-1", SECRET),
    ]
)


def read(line: bytes, told_type: str | None = "response") -> object:
    return read_answer(line, PINNED, "client-001", told_type, samples.NOW_MS)


@pytest.mark.parametrize("signer", [SERVER, SECRET])
@pytest.mark.parametrize("answer", [samples.response(), samples.event()])
@pytest.mark.parametrize("told_type", ["response", "event", "nonsense", None])
def test_an_answer_is_read_whatever_type_the_message_claims(
    signer: Signer, answer: Any, told_type: str | None
) -> None:
    assert read(seal(answer, signer), told_type) == answer


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"", "bad_envelope", id="nothing"),
        pytest.param(b'{"type":"response"}', "bad_envelope", id="unsigned"),
        pytest.param(
            seal(samples.response(), Ed25519Signer("x.1", SERVER.seed)),
            "unknown_key",
            id="a kid that is not pinned",
        ),
        pytest.param(seal(samples.response(), OLD), "revoked_key", id="a revoked key"),
        pytest.param(
            seal(samples.response(), Ed25519Signer(SERVER.kid, OTHER.seed)),
            "bad_signature",
            id="a forgery",
        ),
        pytest.param(seal(samples.request(), SECRET), "bad_signature", id="our own request, sent back to us"),
        pytest.param(
            samples.forge(b'{"type":"response"}', SERVER, type_="response"),
            "invalid_envelope",
            id="half an envelope",
        ),
        pytest.param(
            samples.forge(canonical(samples.response().model_dump()).encode(), SERVER, type_="event"),
            "invalid_envelope",
            id="a response that is signed as an event",
        ),
        pytest.param(seal(samples.response(), OTHER), "foreign_key", id="of another server"),
    ],
)
def test_what_nobody_pinned_wrote_may_be_what_somebody_waits_for(line: bytes, reason: str) -> None:
    assert read(line) == Drop(reason)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (samples.response(client_id="client-002"), "not_mine"),
        (samples.event(data=samples.snapshot(server_id="server-2")), "foreign_job"),
    ],
)
def test_what_a_pinned_server_wrote_for_somebody_else_is_only_dropped(answer: Any, reason: str) -> None:
    assert read(seal(answer, SERVER)) == Drop(reason, attributable=True)


def test_a_body_is_lines() -> None:
    assert lines_of(b"{}\n{}", CONTENT_TYPE, None) == [b"{}", b"{}"]


@pytest.mark.parametrize(
    ("body", "content_type", "content_encoding", "reason"),
    [
        (b"{}", "text/plain", None, "bad_content_type"),
        (b"{}", None, None, "bad_content_type"),
        (b"{}", CONTENT_TYPE, "gzip", "bad_content_encoding"),
        (b"{}\r\n{}", CONTENT_TYPE, None, "bad_lines"),
        (b"{}\n", CONTENT_TYPE, None, "bad_lines"),
        (b"\n" * MAX_LINES, CONTENT_TYPE, None, "too_many_lines"),
        (b"x" * (MAX_BODY_BYTES + 1), CONTENT_TYPE, None, "too_large"),
    ],
)
def test_a_body_that_is_no_lines_is_dropped(
    body: bytes, content_type: str | None, content_encoding: str | None, reason: str
) -> None:
    assert lines_of(body, content_type, content_encoding) == Drop(reason)
