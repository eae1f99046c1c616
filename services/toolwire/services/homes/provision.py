"""Fills a TOOLWIRE_HOME: new keys, and the registry's entries for them.

Everything here may be repeated, except what says "a new key": what exists already stays as it is. Processes
that provision the same home at the same time wait for each other.
"""

from collections.abc import Iterable
from pathlib import Path

import tomlkit
from tomlkit.items import InlineTable, Table

from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.registry import KeyEntry, Side
from toolwire.services.homes.new_keys import add_key, new_key
from toolwire.services.homes.registry_edit import (
    alone,
    checked,
    editing,
    entry,
    new_registry,
    write_registry,
    writing,
)


def create_home(path: Path | str) -> Home:
    """The home at that path, made if it is not there: mode 0700, unseen by git, with an empty registry."""
    home = Home(path)
    for folder in (home.path, home.key_folder):
        with writing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
    with alone(home):
        if not (unseen := home.path / ".gitignore").exists():
            with writing(unseen):
                unseen.write_text("*\n", encoding="utf-8")
        if not home.registry_file.exists():
            write_registry(home, new_registry())
    return home


def add_client(
    home: Home,
    client_id: str,
    *,
    allow: Iterable[str] = ("*",),
    hmac_for: str | None = None,
    watch: Iterable[str] = (),
) -> str:
    """List a client that may use the tools in `allow`, with a key of its own, and return the key's id.

    `watch`: the other clients whose jobs it may watch.

    The key is Ed25519 or, with `hmac_for`, a secret shared with that server. Of a client that is listed
    already, the missing patterns and the missing kind of key are added.
    """
    with editing(home) as registry:
        client = entry(registry, "clients", client_id)
        add_patterns(client, allow)
        if watched := tuple(watch):
            add_patterns(client, watched, field="watch")
        return _ensure_key(home, client, client_id, hmac_for)


def add_server(home: Home, server_id: str) -> str:
    """List a server, with an Ed25519 key of its own, and return the key's id."""
    with editing(home) as registry:
        return _ensure_key(home, entry(registry, "servers", server_id), server_id, None)


def rotate_client(
    home: Home, client_id: str, *, hmac_for: str | None = None, from_ms: int | None = None
) -> str:
    """A new key for a client beside its old ones, and the new key's id. All are good until one is revoked.

    `from_ms`: it is not good before, so that there is time to make it known.
    """
    with editing(home) as registry:
        return _add_key(home, _at_home(home, registry, "clients", client_id), client_id, hmac_for, from_ms)


def rotate_server(home: Home, server_id: str, *, from_ms: int | None = None) -> str:
    """A new Ed25519 key for a server beside its old ones, as with `rotate_client`."""
    with editing(home) as registry:
        return _add_key(home, _at_home(home, registry, "servers", server_id), server_id, None, from_ms)


def _at_home(home: Home, registry: tomlkit.TOMLDocument, side: Side, owner: str) -> Table:
    """The entry of somebody whose private keys are here.

    A key that is made where its owner is not would be one that the owner does not have.
    """
    entry_of_owner = _listed(home, registry, side, owner)
    keys = home.registry().parties(side)[owner].keys
    in_use = not all(key.revoked for key in keys)
    if in_use and not any(home.key_file(key).exists() for key in keys):
        raise ConfigurationError(
            f"the private keys of {owner!r} are on another machine: `toolwire keys rotate` and "
            "`toolwire keys export` there, then `toolwire keys import` here"
        )
    return entry_of_owner


def revoke(home: Home, kid: str) -> bool:
    """Accept nothing that is signed with that key any more. False: it was revoked already.

    For good: there is no way back but a new key. `ConfigurationError` where the registry does not list it.
    """
    with editing(home) as registry:
        for side, owner, key in home.registry().listed():
            if key.kid == kid:
                return mark_revoked(entry(registry, side, owner), kid)
        raise ConfigurationError(f"{home.registry_file} lists no key {kid!r}: see `toolwire keys list`")


def change_allowed(
    home: Home, client_id: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> None:
    """Let a client use more tools, or fewer: names, or beginnings and `*`.

    `remove` takes away patterns as they stand there, not tools.
    """
    with editing(home) as registry:
        client = _listed(home, registry, "clients", client_id)
        add_patterns(client, add)
        for pattern in remove:
            if pattern in client["allow"]:
                client["allow"].remove(pattern)


def add_patterns(client: Table, patterns: Iterable[str], *, field: str = "allow") -> None:
    """Put the missing patterns into a client's entry."""
    allowed = client.setdefault(field, tomlkit.array())
    for pattern in patterns:
        if pattern not in allowed:
            allowed.append(pattern)


def mark_revoked(party: Table, kid: str) -> bool:
    """Put the mark on one of a party's keys. False: it is there."""
    key = listed_key(party, kid)
    marked = "revoked" in key and bool(key["revoked"])
    key["revoked"] = True
    return not marked


def listed_key(party: Table, kid: str) -> InlineTable | Table:
    """What the registry says of one of a party's keys."""
    found: InlineTable | Table = next(key for key in party["keys"] if key["kid"] == kid)
    return found


def _ensure_key(home: Home, party: Table, owner: str, peer: str | None) -> str:
    """The id of the newest key of that kind that is listed and whose file is here; else of a new one."""
    algorithm = "Ed25519" if peer is None else "HS256"
    listed = party.setdefault("keys", tomlkit.array().multiline(multiline=True))
    for key in map(KeyEntry.model_validate, reversed(listed.unwrap())):
        if (key.algorithm, key.peer) == (algorithm, peer) and not key.revoked and home.key_file(key).exists():
            return key.kid
    return _add_key(home, party, owner, peer, None)


def _add_key(home: Home, party: Table, owner: str, peer: str | None, from_ms: int | None) -> str:
    secret_with = None if peer is None else checked(peer)
    with writing(home.key_folder):
        new = new_key(home, owner, secret_with)
    if from_ms is not None:
        new["not_before_ms"] = from_ms
    add_key(party, new)
    return str(new["kid"])


def _listed(home: Home, registry: tomlkit.TOMLDocument, side: Side, name: str) -> Table:
    if name not in home.registry().parties(side):
        what = side[:-1]
        raise ConfigurationError(
            f"{home.registry_file} lists no {what} {name!r}: `toolwire keys new {what} {name}` does, here; "
            "`toolwire keys import` where it comes from another machine"
        )
    return entry(registry, side, name)
