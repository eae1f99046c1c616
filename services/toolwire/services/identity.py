"""Who this service is, and whom it knows: read from its home when a replica starts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from toolwire.client.home import Home
from toolwire.contracts.encoding import base64url
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Keyring
from toolwire.contracts.registry import ClientEntry


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's own key, the keys of its clients, and what each of them may do."""

    server_id: str
    signer: Ed25519Signer
    shared: Mapping[str, HmacKey]
    """The secrets that the server shares, each with one client, by key id."""
    client_keys: Keyring
    own_keys: Keyring
    """The server's own public keys: what its control messages are verified with."""
    clients: Mapping[str, ClientEntry]

    def fingerprint(self, kid: str) -> str:
        """What a caller under `kid` may know this server by: SHA-256 of the public key; never of a secret."""
        if kid in self.shared:
            return kid
        return f"SHA256:{base64url(hashlib.sha256(self.signer.public_bytes()).digest())}"


def read_identity(home: Home, server_id: str) -> Identity:
    """The identity of a server from its home. `ConfigurationError` says what is missing or wrong there."""
    client_keys = home.client_keys(server_id)
    pinned = home.server_keys("")
    return Identity(
        server_id=server_id,
        signer=home.server_signer(server_id),
        shared={key.kid: key.verifier for key in client_keys if isinstance(key.verifier, HmacKey)},
        client_keys=client_keys,
        own_keys=Keyring(key for key in pinned if key.owner == server_id),
        clients=home.registry().clients,
    )
