"""Who a client is: its name, its keys and whom it trusts."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.keys import Keyring, Signer
from toolwire.contracts.names import ID_PATTERN, is_id
from toolwire.contracts.registry import fits_any

FRESH_INSTANCE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: the client, the instance that its answers go to, its own keys, and those that it pins."""

    client_id: str
    instance: str
    named: bool
    """A named instance keeps its queue while it is away."""
    signer: Callable[[str], Signer]
    """The key for requests to one server."""
    pinned: Keyring
    pinned_servers: frozenset[str]
    watches: tuple[str, ...] = ()
    """Patterns of the other clients whose jobs it may watch."""

    def may_watch(self, client_id: str) -> bool:
        """Whether the registry lets this client see the events of that client's jobs."""
        return client_id == self.client_id or fits_any(client_id, self.watches)


def read_identity(home: Home, client_id: str, instance: str | None, kid: str | None) -> Identity:
    """The client as its home knows it; without an instance's name, under a fresh one.

    Raises `ConfigurationError` where the registry or a key is missing or wrong.
    """
    if instance is not None and not is_id(instance):
        raise ConfigurationError(f"the instance {instance!r} must match {ID_PATTERN}")

    @cache
    def signer(server_id: str) -> Signer:
        return home.client_signer(client_id, kid, server_id=server_id)

    registry = home.registry()
    entry = registry.clients.get(client_id)
    return Identity(
        client_id=client_id,
        instance=instance or os.urandom(FRESH_INSTANCE_BYTES).hex(),
        named=instance is not None,
        signer=signer,
        pinned=home.server_keys(client_id),
        pinned_servers=frozenset(registry.servers),
        watches=entry.watch if entry is not None else (),
    )
