"""Making somebody known on another machine: public keys as a piece of TOML, and the piece taken in there.

A piece says who somebody is, and never what they may do: that is decided where it is taken in.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tomlkit.items import Table

from toolwire.client.home import Home
from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.errors import ConfigurationError, KeyRefused
from toolwire.contracts.fields import first_complaint
from toolwire.contracts.keys import ed25519_verifier, fingerprint
from toolwire.contracts.names import MAX_SAFE_INTEGER, Id, Kid, Millis
from toolwire.contracts.registry import KeyEntry, Side
from toolwire.services.homes.new_keys import add_key
from toolwire.services.homes.provision import add_patterns, listed_key, mark_revoked
from toolwire.services.homes.registry_edit import editing, entry

News = Literal["added", "revoked", "shortened", "known", "dates differ"]
"""`shortened`: it is good until an earlier time now. `dates differ`: those here hold on."""

MAX_CHARACTERS = 256 * 1024


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _PublicKey(_Strict):
    kid: Kid
    algorithm: Literal["Ed25519"]
    public: str
    not_before_ms: Millis | None = None
    not_after_ms: Millis | None = None
    revoked: bool = False


class _Party(_Strict):
    keys: tuple[_PublicKey, ...] = Field(strict=False, min_length=1)


_Parties = Annotated[dict[Id, _Party], Field(default_factory=dict[str, _Party])]


class _Piece(_Strict):
    clients: _Parties
    servers: _Parties


@dataclass(frozen=True, slots=True)
class Introduced:
    """One key of a piece, and what taking it in changed."""

    kind: Side
    owner: str
    kid: str
    fingerprint: str
    news: News
    joins: bool
    """Whether its owner was known here before: then the key may do at once what that one may."""


def introduction(home: Home, side: Side, name: str) -> str:
    """The piece of TOML that makes a client or a server known elsewhere: its public keys, revoked ones too.

    `ConfigurationError` where the registry does not list it, or lists no public key of it.
    """
    party = home.registry().parties(side).get(name)
    keys = [key for key in party.keys if key.algorithm == "Ed25519"] if party else []
    if not keys:
        what = side[:-1]
        raise ConfigurationError(
            f"{home.registry_file} lists no {what} {name!r} with a public key: `toolwire keys new {what} "
            f"{name}` makes one. A shared secret is not exported: carry its file yourself"
        )
    piece = tomlkit.document()
    for key in keys:
        add_key(entry(piece, side, name), key.model_dump(exclude_defaults=True))
    return tomlkit.dumps(piece)


def introduce(home: Home, text: str, *, allow: Iterable[str] = ()) -> list[Introduced]:
    """Take a piece in: what is new is added, and a known key is revoked, or ends earlier, where it says so.

    `allow`: what the clients in it may use from now on, beside what they may already. Nothing is written, and
    `ConfigurationError` says why, where the piece holds more than public keys, a key that must not be used,
    or one that is known otherwise.
    """
    piece = _read(text)
    patterns = tuple(allow)
    with editing(home) as registry:
        known = {key.kid: _Known(side, owner, key) for side, owner, key in home.registry().listed()}
        taken = [
            _take(registry, known, side, owner, key)
            for side, parties in _sides(piece)
            for owner, party in parties.items()
            for key in party.keys
        ]
        for client_id in piece.clients:
            add_patterns(entry(registry, "clients", client_id), patterns)
        return taken


def _read(text: str) -> _Piece:
    if len(text) > MAX_CHARACTERS:
        raise ConfigurationError(f"over {MAX_CHARACTERS} characters: this is no piece of a registry")
    if "PRIVATE KEY" in text:
        raise ConfigurationError(
            "this holds a private key, which must not leave the machine that signs with it. Make a new one "
            "there (`toolwire keys rotate`), and import what `toolwire keys export` prints there"
        )
    try:
        piece = _Piece.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"this is no TOML: {error}. Import what `keys export` prints") from error
    except ValidationError as error:
        raise ConfigurationError(
            f"{first_complaint(error)}. What is imported holds public Ed25519 keys and nothing else: "
            "import what `toolwire keys export` prints"
        ) from error
    if not (piece.clients or piece.servers):
        raise ConfigurationError("this introduces nobody: import what `toolwire keys export` prints")
    return piece


def _sides(piece: _Piece) -> tuple[tuple[Side, Mapping[str, _Party]], ...]:
    return ("clients", piece.clients), ("servers", piece.servers)


@dataclass(frozen=True, slots=True)
class _Known:
    side: Side
    owner: str
    entry: KeyEntry


def _take(
    registry: tomlkit.TOMLDocument, known: dict[str, _Known], side: Side, owner: str, key: _PublicKey
) -> Introduced:
    shown = _fingerprint(key)
    joins = any((one.side, one.owner) == (side, owner) for one in known.values())
    party = entry(registry, side, owner)
    found = known.get(key.kid)
    if found is None:
        add_key(party, key.model_dump(exclude_defaults=True))
        known[key.kid] = _Known(side, owner, KeyEntry.model_validate(key.model_dump()))
        return Introduced(side, owner, key.kid, shown, "added", joins)
    if key.revoked and found.entry.revoked:
        # Whoever had it, it is good for nothing.
        return Introduced(side, owner, key.kid, shown, "known", joins)
    if (found.side, found.owner, found.entry.public) != (side, owner, key.public):
        raise ConfigurationError(
            f"the key id {key.kid!r} stands for another key here, of {found.side[:-1]} {found.owner!r}: "
            "somebody is not who they say, or two machines made keys for the same id. Compare the "
            "fingerprints (`toolwire keys list`), and let one of them make a new key: `toolwire keys rotate`"
        )
    return Introduced(side, owner, key.kid, shown, _narrow(party, found.entry, key), joins)


def _narrow(party: Table, here: KeyEntry, key: _PublicKey) -> News:
    """Take over what makes a known key good for less: that it is revoked, or an earlier end."""
    if key.revoked and not here.revoked:
        mark_revoked(party, key.kid)
        return "revoked"
    if (key.not_before_ms, key.not_after_ms) == (here.not_before_ms, here.not_after_ms):
        return "known"
    if key.not_after_ms is None or key.not_after_ms >= _end(here):
        return "dates differ"
    listed_key(party, key.kid)["not_after_ms"] = key.not_after_ms
    return "shortened"


def _end(key: KeyEntry) -> int:
    return MAX_SAFE_INTEGER if key.not_after_ms is None else key.not_after_ms


def _fingerprint(key: _PublicKey) -> str:
    """The fingerprint of a key that may be used. `KeyRefused`."""
    try:
        public = from_base64url(key.public)
    except ValueError as error:
        raise KeyRefused(f"the public key {key.kid!r} is not base64url without padding") from error
    ed25519_verifier(public, key.kid)
    return fingerprint(public)
