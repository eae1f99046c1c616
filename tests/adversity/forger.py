"""Writes requests that are almost right, and message properties that are or are not."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Literal

import tomlkit

from tests.adversity.raw_amqp import (
    CONTENT_TYPE,
    properties,
    short,
)
from tests.handmade import Handmade
from tests.served import SERVER
from tests.stage import CLIENTS, HMAC_CLIENT, Stage
from tests.unit.contracts.samples import forge
from toolwire.client.home import Home
from toolwire.contracts.encoding import base64url, from_base64url
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Signer
from toolwire.services.homes.provision import add_client

CONTENT_ENCODING = 1 << 14
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
MIB = 1024 * 1024
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point (RFC 8032, 5.1): S and S + order solve the same equation."""

REVOKED, OUTDATED, EARLY = "client-revoked", "client-outdated", "client-early"


def content(kind: bytes) -> bytes:
    """Properties with that content type and nothing else."""
    return properties(CONTENT_TYPE, short(kind))


def encoded(kind: bytes) -> bytes:
    """Properties of JSON lines in that content encoding."""
    return properties(CONTENT_TYPE | CONTENT_ENCODING, short(b"application/jsonl") + short(kind))


def decorated(flags: int, values: bytes) -> bytes:
    """Properties of JSON lines with more of them, in the order of the flags."""
    return properties(CONTENT_TYPE | flags, short(b"application/jsonl") + values)


LINES = content(b"application/jsonl")


def change_key(home: Home, kind: Literal["clients", "servers"], owner: str, **fields: Any) -> None:
    """Write into the registry's entry of that owner's first key, such as `revoked=True`."""
    registry = tomlkit.parse(home.registry_file.read_text())
    registry[kind][owner]["keys"][0].update(fields)
    home.registry_file.write_text(tomlkit.dumps(registry))


class Forger:
    """Writes requests that are almost right. To be made before the replica reads the registry."""

    def __init__(self, stage: Stage) -> None:
        home = stage.home
        bad: dict[str, dict[str, Any]] = {
            REVOKED: {"revoked": True},
            OUTDATED: {"not_after_ms": 1},
            EARLY: {"not_before_ms": 2**52},
        }
        for client_id in bad:
            add_client(home, client_id)
        self.own = home.client_signer(CLIENTS[0])
        self.other = home.client_signer(CLIENTS[1])
        self.shared = home.client_signer(HMAC_CLIENT)
        self.server = home.server_signer(SERVER)
        self.bad: Mapping[str, Signer] = {name: home.client_signer(name) for name in bad}
        self.stranger = Ed25519Signer("stranger.1", secrets.token_bytes(32))
        self.impostor = Ed25519Signer(self.own.kid, secrets.token_bytes(32))
        public = self.own.public_bytes() if isinstance(self.own, Ed25519Signer) else b""
        self.confused = HmacKey(self.own.kid, public)
        for client_id, fields in bad.items():
            change_key(home, "clients", client_id, **fields)
        self._by_name = {name: Handmade(stage.url, home, name) for name in (*CLIENTS, HMAC_CLIENT)}

    def payload(self, of: str = CLIENTS[0], **changes: Any) -> bytes:
        """P of a request that is good but for the changes."""
        tool, args = changes.pop("tool", "book"), changes.pop("args", {"item": "loot"})
        request = self._by_name[of].request(tool, args, **changes)
        return request.payload().encode()

    def line(self, signer: Signer | None = None, type_: str = "request", **changes: Any) -> bytes:
        """A line that is good but for the changes, by default signed with the client's own key."""
        return forge(self.payload(**changes), signer or self.own, type_=type_)

    def by_secret(self) -> bytes:
        """A good line under the shared secret."""
        return forge(self.payload(HMAC_CLIENT), self.shared)

    def with_fields(self, request_id: str, /, **fields: Any) -> bytes:
        """A signed line some fields of which do not fit; a field that is `...` is left out."""
        whole = json.loads(self.payload(request_id=request_id)) | fields
        kept = {name: value for name, value in whole.items() if value is not ...}
        return forge(json.dumps(kept, separators=(",", ":")).encode(), self.own)

    def with_text(self, old: bytes, new: bytes) -> bytes:
        """A signed line in whose text something stands instead of something else."""
        payload = self.payload()
        assert old in payload
        return forge(payload.replace(old, new, 1), self.own)


def sign_otherwise(line: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The line with another signature."""
    head, colon, signature = line.removesuffix(b'"}').rpartition(b":")
    return head + colon + change(signature) + b'"}'


def another_first(signature: bytes) -> bytes:
    """A wrong signature."""
    return (b"B" if signature.startswith(b"A") else b"A") + signature[1:]


def another_last(signature: bytes) -> bytes:
    """The same signature in another spelling: the bits that no byte uses are otherwise."""
    return signature[:-1] + bytes([ALPHABET[ALPHABET.index(signature[-1]) ^ 1]])


def plus_order(signature: bytes) -> bytes:
    """The other number that solves Ed25519's equation, where the verifier forgets to look at its size."""
    raw = from_base64url(signature.decode())
    larger = int.from_bytes(raw[32:], "little") + ED25519_ORDER
    return base64url(raw[:32] + larger.to_bytes(32, "little")).encode()
