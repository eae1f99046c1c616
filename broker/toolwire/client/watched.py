"""What a watcher wants to see, what it may see, and which lines are that.

Plain functions over values; `now_ms` is an argument. What fails is a `Drop` with one word for a counter:

    a pinned server's own key · signature · envelope · server_id is the key's owner · granted · asked for
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from typing import Any

from toolwire.broker.topology import event_pattern
from toolwire.client.answers import Drop, read_sealed
from toolwire.client.identity import Identity
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import ConfigurationError, UsageError
from toolwire.contracts.jobs import EventName
from toolwire.contracts.keys import Keyring
from toolwire.contracts.names import ID_PATTERN, TOOL_PATTERN, is_id, is_tool_name
from toolwire.contracts.registry import fits_any
from toolwire.contracts.tools import Contract


@dataclass(frozen=True, slots=True)
class Watched:
    """The events that a watcher asked for; nothing stands for any. `clients` are ids or patterns."""

    clients: tuple[str, ...]
    server: str | None
    tools: tuple[str, ...]
    events: tuple[str, ...]

    def patterns(self) -> list[str]:
        """What to bind. Topics know no beginnings of words: a beginning binds all, and `fits` sorts out."""
        clients = {None if client.endswith("*") else client for client in self.clients}
        every = product(
            [None] if None in clients else sorted(filter(None, clients)),
            self.tools or [None],
            self.events or [None],
        )
        return [event_pattern(client, self.server, tool, event) for client, tool, event in every]

    def fits(self, event: Event) -> bool:
        """Whether that is one of them."""
        return (
            fits_any(event.client_id, self.clients)
            and self.server in (None, event.server_id)
            and (not self.tools or event.data.tool in self.tools)
            and (not self.events or event.event in self.events)
        )


def watched(
    identity: Identity,
    *,
    server: str | None,
    tools: Collection[str | Contract[..., Any]],
    events: Collection[str],
    clients: Collection[str],
) -> Watched:
    """What was asked for, checked before anything is declared.

    Without `clients`, those that the registry grants, and oneself. Raises `UsageError` for what is no name,
    `ConfigurationError` for a client that is not granted or a server that is not pinned.
    """
    if any(isinstance(several, str) for several in (tools, events, clients)):
        raise UsageError("tools, events and clients are lists: write tools=['resize'], not tools='resize'")
    if server is not None and server not in identity.pinned_servers:
        raise ConfigurationError(
            f"no key of server {server!r} is pinned, so that its events could not be verified: "
            f"`toolwire keys import` takes in what `toolwire keys export server {server}` prints on its "
            "machine"
        )
    return Watched(
        clients=tuple(_granted(identity, client) for client in clients)
        or (identity.client_id, *identity.watches),
        server=server,
        tools=tuple(_tool(tool) for tool in tools),
        events=tuple(_event(event) for event in events),
    )


def read_event(line: bytes, keys: Keyring, identity: Identity, wanted: Watched, now_ms: int) -> Event | Drop:
    """The event in a line that a pinned server sealed, if this client may see it and asked for it."""
    event = read_sealed(line, keys, ("event",), now_ms)
    if not isinstance(event, Event):
        # Attributable, whatever it is: it came in no reply queue, so that no pending call waits for it.
        return Drop(event.reason if isinstance(event, Drop) else "bad_signature", attributable=True)
    if not identity.may_watch(event.client_id):
        return Drop("not_granted", attributable=True)
    if not wanted.fits(event):
        return Drop("not_watched", attributable=True)
    return event


def servers_own(keys: Keyring) -> Keyring:
    """The keys that servers sign for everybody with: what several parties read is sealed with no secret."""
    return Keyring(key for key in keys if key.verifier.algorithm == "Ed25519")


def _granted(identity: Identity, client_id: str) -> str:
    if not is_id(client_id):
        raise UsageError(f"clients are ids, which match {ID_PATTERN}; {client_id!r} does not")
    if not identity.may_watch(client_id):
        raise ConfigurationError(
            f"client {identity.client_id!r} may not watch {client_id!r}: let whoever keeps registry.toml add "
            f'watch = ["{client_id}"] to [clients.{identity.client_id}]'
        )
    return client_id


def _tool(tool: str | Contract[..., Any]) -> str:
    name = tool.name if isinstance(tool, Contract) else tool
    if not is_tool_name(name):
        raise UsageError(f"the tool name {name!r} must match {TOOL_PATTERN}")
    return name


def _event(name: str) -> str:
    if name not in set(EventName):
        raise UsageError(f"there is no event {name!r}; there are {', '.join(EventName)}")
    return name
