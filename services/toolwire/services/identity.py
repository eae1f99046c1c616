"""Who this service is, and whom it knows: read from its home."""

from dataclasses import dataclass

from toolwire.client.home import Home
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
class Identity:
    """A server's own key, the keys of its clients, and what each of them may do."""

    server_id: str
    signer: OwnKey
    shared: dict[str, HmacKey]
    """The secrets that the server shares, each with one client, by key id."""
    client_keys: Keyring
    own_keys: Keyring
    """The server's own public keys: what its control messages are verified with."""
    clients: dict[str, ClientEntry]

    def fingerprint(self, kid: str) -> str:
        """What a caller under `kid` may know this server by: SHA-256 of the public key; never of a secret."""
        return kid if kid in self.shared else fingerprint(self.signer.public_bytes())

    def follow(self, newer: "Identity", until_ms: int) -> None:
        """Take over a newer reading, for everybody who holds a part of this one.

        In one step, as nothing else of the event loop runs meanwhile. The server goes on to sign with the key
        that it has, if that is good `until_ms`: clients that run may not know a newer one yet.
        """
        mine = newer.own_keys.find(self.signer.kid)
        if mine is None or mine.refusal(until_ms):
            self.signer.current = newer.signer.current
        self.client_keys.follow(newer.client_keys)
        self.own_keys.follow(newer.own_keys)
        self.shared.clear()
        self.shared.update(newer.shared)
        self.clients.clear()
        self.clients.update(newer.clients)


def read_identity(home: Home, server_id: str) -> Identity:
    """The identity of a server from its home. `ConfigurationError` says what is missing or wrong there."""
    client_keys = home.client_keys(server_id)
    pinned = home.server_keys("")
    return Identity(
        server_id=server_id,
        signer=OwnKey(home.server_signer(server_id)),
        shared={key.kid: key.verifier for key in client_keys if isinstance(key.verifier, HmacKey)},
        client_keys=client_keys,
        own_keys=Keyring(key for key in pinned if key.owner == server_id),
        clients=home.registry().clients,
    )
