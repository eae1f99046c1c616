"""Our own code agrees with the published vectors of keys, messages and whatever is derived."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.spec.vector_files import bytes_of, each, load
from toolwire.broker import topology
from toolwire.client.answers import Drop, lines_of
from toolwire.contracts.descriptors import ToolDescriptor
from toolwire.contracts.encoding import base64url, canonical, from_base64url, parse
from toolwire.contracts.envelopes import Request
from toolwire.contracts.errors import KeyRefused
from toolwire.contracts.identifiers import request_id_for
from toolwire.contracts.keys import HmacKey, ed25519_verifier, fingerprint
from toolwire.contracts.meaning import meaning
from toolwire.contracts.sealing import digest

KEYS, MESSAGES, DERIVED = map(load, ("keys", "messages", "derived"))
Piece = str | dict[str, Any]


def given(section: str) -> list[Any]:
    """The vectors of one section, numbered."""
    return [pytest.param(vector, id=str(number)) for number, vector in enumerate(DERIVED[section], 1)]


# --- keys and messages --------------------------------------------------------------------------


def test_the_keys_are_pairs() -> None:
    for entry in KEYS["keys"]:
        if entry["algorithm"] == "Ed25519":
            private = Ed25519PrivateKey.from_private_bytes(from_base64url(entry["private"]))
            assert private.public_key().public_bytes_raw() == from_base64url(entry["public"])


@pytest.mark.promise("P3")
@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry["name"]) for entry in KEYS["refused"]])
def test_a_key_that_must_not_be_loaded(entry: dict[str, str]) -> None:
    load_key = ed25519_verifier if "public" in entry else _as_secret
    with pytest.raises(KeyRefused):
        load_key(bytes_of(entry["public" if "public" in entry else "secret"]), "k")


def _as_secret(secret: bytes, kid: str) -> HmacKey:
    return HmacKey(kid, secret)


def _joined(pieces: Sequence[Piece] | str) -> bytes:
    if isinstance(pieces, str):
        return pieces.encode()
    texts = (piece if isinstance(piece, str) else piece["repeat"] * piece["times"] for piece in pieces)
    return "".join(texts).encode()


@pytest.mark.promise("P9")
@pytest.mark.parametrize("vector", each(MESSAGES))
def test_a_message(vector: dict[str, Any]) -> None:
    body = bytes_of(vector["body_base64url"]) if "body_base64url" in vector else _joined(vector["body"])
    lines = lines_of(body, vector["content_type"], vector["content_encoding"])
    if isinstance(lines, Drop):
        assert vector["refused"] == {"code": None, "reason": lines.reason}
    elif "lines_base64url" in vector["accepted"]:
        assert lines == [bytes_of(line) for line in vector["accepted"]["lines_base64url"]]
    else:
        assert lines == [_joined(line) for line in vector["accepted"]["lines"]]


# --- what is derived ----------------------------------------------------------------------------


@pytest.mark.parametrize("vector", given("canonical"))
def test_canonical_json(vector: dict[str, str]) -> None:
    assert canonical(parse(vector["text"].encode())) == vector["canonical"]


@pytest.mark.parametrize("vector", given("tool_rev"))
def test_a_tools_revision(vector: dict[str, Any]) -> None:
    described = ToolDescriptor.model_validate(vector["descriptor"] | {"tool_rev": vector["tool_rev"]})
    told = described.model_dump()
    del told["tool_rev"]
    assert canonical(told) == vector["canonical"]
    assert digest(canonical(told).encode()) == vector["tool_rev"]


@pytest.mark.promise("P4")
@pytest.mark.parametrize("vector", given("meaning"))
def test_the_meaning_of_a_request(vector: dict[str, Any]) -> None:
    parts = {name: vector[name] for name in ("server_id", "tool", "args", "tool_rev")}
    request = Request(
        ts_ms=1, request_id="r1", nonce="A" * 22, deadline_ms=2, client_id="c1", reply_to="i1", **parts
    )
    assert canonical(parts) == vector["canonical"]
    assert meaning(request) == vector["meaning"]


@pytest.mark.parametrize("vector", given("digest"))
def test_the_digest_of_a_line(vector: dict[str, str]) -> None:
    assert digest(vector["line"].encode()) == vector["digest"]


@pytest.mark.parametrize("vector", given("step_request_id"))
def test_the_request_id_of_a_step(vector: dict[str, str]) -> None:
    assert request_id_for(vector["job_id"], vector["step"]) == vector["request_id"]


_KEYS: dict[str, Callable[[dict[str, Any]], str]] = {
    "tw.requests": lambda of: topology.request_key(of["server_id"], of["tool"]),
    "tw.replies": lambda of: topology.reply_key(of["client_id"], of["reply_to"]),
    "tw.events": lambda of: topology.event_pattern(of["client_id"], of["server_id"], of["tool"], of["event"]),
}
_QUEUES: dict[str, Callable[[dict[str, Any]], topology.Queue]] = {
    "requests to a server": lambda of: topology.call_queue(of["server_id"]),
    "answers to a named instance": lambda of: topology.named_reply_queue(of["client_id"], of["reply_to"]),
    "events for watchers of one name": lambda of: topology.watch_queue(of["client_id"], of["name"], []),
}


@pytest.mark.parametrize("vector", given("routing_keys"))
def test_a_routing_key(vector: dict[str, Any]) -> None:
    assert _KEYS[vector["exchange"]](vector) == vector["routing_key"]


@pytest.mark.parametrize("vector", given("queues"))
def test_the_name_of_a_queue(vector: dict[str, Any]) -> None:
    assert _QUEUES[vector["of"]](vector).name == vector["queue"]


@pytest.mark.parametrize("vector", given("fingerprint"))
def test_a_fingerprint(vector: dict[str, str]) -> None:
    assert fingerprint(from_base64url(vector["public"])) == vector["fingerprint"]


def test_base64url_has_one_spelling() -> None:
    spellings = DERIVED["base64url"]
    for vector in spellings["accepted"]:
        assert base64url(bytes.fromhex(vector["bytes"])) == vector["text"]
        assert from_base64url(vector["text"]).hex() == vector["bytes"]
    for vector in spellings["refused"]:
        with pytest.raises(ValueError, match=r"canonical|base64|padding|characters"):
            from_base64url(vector["text"])
