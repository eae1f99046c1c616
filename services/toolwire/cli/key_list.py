"""Every key that a home lists, as people and programs are shown it: never a secret."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from toolwire.cli.times import iso
from toolwire.client.home import Home
from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.keys import fingerprint
from toolwire.contracts.registry import KeyEntry

Role = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One key, as `keys list` shows it."""

    role: Role
    id: str
    kid: str
    algorithm: str
    fingerprint: str | None
    """Of the public key; a secret has none to show."""
    peer: str | None
    valid_from: str | None
    valid_to: str | None
    revoked: bool
    private: bool
    """Whether the private half, or the secret, is here."""
    signs: bool
    """Whether it is what a program of this machine signs with now, unless it is told otherwise."""


def keys_of(home: Home) -> Iterator[Shown]:
    """Every key of the home, in the order of its registry."""
    registry = home.registry()
    for client_id, client in registry.clients.items():
        signing = _signing(home, client_id, client.keys)
        yield from (_shown(home, "client", client_id, key, key.kid in signing) for key in client.keys)
    for server_id, server in registry.servers.items():
        try:
            own = home.server_signer(server_id).kid
        except ConfigurationError:
            own = None
        yield from (_shown(home, "server", server_id, key, key.kid == own) for key in server.keys)


def _signing(home: Home, client_id: str, keys: Sequence[KeyEntry]) -> set[str]:
    """What the client signs with now: to any server, and to each that it shares a secret with."""
    signing: set[str] = set()
    for server_id in {None, *(key.peer for key in keys)}:
        try:
            signing.add(home.client_signer(client_id, server_id=server_id).kid)
        except ConfigurationError:
            continue
    return signing


def _shown(home: Home, role: Role, name: str, key: KeyEntry, signs: bool) -> Shown:
    return Shown(
        role=role,
        id=name,
        kid=key.kid,
        algorithm=key.algorithm,
        fingerprint=None if key.public is None else _fingerprint(key.public),
        peer=key.peer,
        valid_from=iso(key.not_before_ms),
        valid_to=iso(key.not_after_ms),
        revoked=key.revoked,
        private=home.key_file(key).exists(),
        signs=signs,
    )


def _fingerprint(public: str) -> str:
    try:
        return fingerprint(from_base64url(public))
    except ValueError:
        return "not base64url"


def key_of(home: Home, kid: str) -> Shown:
    """The key of that id, which the home lists."""
    return next(key for key in keys_of(home) if key.kid == kid)


def state_of(key: Shown) -> str:
    """In few words: what it is used for here, and from when to when it is good."""
    if key.revoked:
        return "revoked"
    words = ["signs" if key.signs else "private half here" if key.private else "verifies"]
    words += [f"from {key.valid_from}"] if key.valid_from else []
    words += [f"to {key.valid_to}"] if key.valid_to else []
    return ", ".join(words)
