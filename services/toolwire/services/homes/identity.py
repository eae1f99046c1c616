"""Who this service is, and whom it knows: read from its home."""

from dataclasses import dataclass

from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Keyring, fingerprint
from toolwire.contracts.registry import ClientEntry


@dataclass(slots=True)
class OwnKey:
    """A server's own key at the moment: it signs with another one after a rotation."""

    current: Ed25519Signer

    @property
    def kid(self) -> str:
        """The id of the key."""
        return self.current.kid

    def sign(self, message: bytes) -> str:
        """The signature, as base64url."""
        return self.current.sign(message)

    def public_bytes(self) -> bytes:
        """The 32 bytes that others verify with."""
        return self.current.public_bytes()


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Whom a server knows: the keys of its clients, what each of them may do, and its own public keys."""

    server_id: str
    shared: dict[str, HmacKey]
    """The secrets that the server shares, each with one client, by key id."""
    client_keys: Keyring
    own_keys: Keyring
    """The server's own public keys: what its control messages are verified with."""
    clients: dict[str, ClientEntry]


@dataclass(frozen=True, slots=True)
class Identity(Acquaintance):
    """Whom a server knows, and the key that it signs with."""

    signer: OwnKey

    def fingerprint(self, kid: str) -> str:
        """What a caller under `kid` may know this server by: SHA-256 of the public key; never of a secret."""
        return kid if kid in self.shared else fingerprint(self.signer.public_bytes())

    def follow(self, newer: Acquaintance, newest: Ed25519Signer | None, until_ms: int) -> None:
        """Take over a newer reading, for everybody who holds a part of this one.

        In one step, as nothing else of the event loop runs meanwhile. The server goes on to sign with the key
        that it has, if that is good `until_ms`: clients that run may not know the `newest` one yet. It also
        does where there is none, as whom to refuse must not depend on that.
        """
        mine = newer.own_keys.find(self.signer.kid)
        if newest is not None and (mine is None or mine.refusal(until_ms)):
            self.signer.current = newest
        self.client_keys.follow(newer.client_keys)
        self.own_keys.follow(newer.own_keys)
        self.shared.clear()
        self.shared.update(newer.shared)
        self.clients.clear()
        self.clients.update(newer.clients)


def read_identity(home: Home, server_id: str) -> Identity:
    """The identity of a server from its home. `ConfigurationError` says what is missing or wrong there."""
    signer = OwnKey(home.server_signer(server_id))
    known = read_acquaintance(home, server_id)
    return Identity(server_id, known.shared, known.client_keys, known.own_keys, known.clients, signer)


def read_acquaintance(home: Home, server_id: str) -> Acquaintance:
    """The same without the key that it signs with, which need not be there."""
    client_keys = home.client_keys(server_id)
    own_keys = Keyring(key for key in home.server_keys("") if key.owner == server_id)
    if not list(own_keys):
        raise ConfigurationError(f"{home.registry_file} lists no server {server_id!r}")
    return Acquaintance(
        server_id=server_id,
        shared={key.kid: key.verifier for key in client_keys if isinstance(key.verifier, HmacKey)},
        client_keys=client_keys,
        own_keys=own_keys,
        clients=home.registry().clients,
    )
