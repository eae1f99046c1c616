"""Looks at TOOLWIRE_HOME, and judges its files: what is there, whose it is, who may read it."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolwire.cli.doctor.finding import Area, Desk, Finding, count
from toolwire.client import keyfiles
from toolwire.client.home import Home
from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.errors import ConfigurationError, ToolwireError
from toolwire.contracts.keys import Ed25519Signer, HmacKey, ed25519_verifier
from toolwire.contracts.registry import KeyEntry, Registry, Side

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeySeen:
    """A listed key: its entry, and whether the half that signs is here and good."""

    side: Side
    owner: str
    entry: KeyEntry
    file: Path
    here: bool
    complaint: str = ""
    """Why the key cannot be used; empty where it can, or where only its public half is here."""


@dataclass(frozen=True, slots=True)
class HomeSeen:
    """The files of a home."""

    path: Path
    mode: int | None
    """None: there is no such folder."""
    owner: int
    user: int
    """Who runs this."""
    registry: Registry | None
    complaint: str
    """Why the registry cannot be read."""
    keys: tuple[KeySeen, ...] = ()
    strays: tuple[Path, ...] = ()
    """Files of keys that nobody lists."""
    unusable: str = ""
    """Why the registry's keys cannot be loaded as a whole, as every service and client does."""


def look_at_home(home: Home) -> HomeSeen:
    """What is there. Reads keys and forgets them."""
    try:
        status = home.path.stat()
    except OSError:
        return HomeSeen(home.path, None, -1, os.geteuid(), None, "")
    mode, owner = stat.S_IMODE(status.st_mode), status.st_uid
    try:
        registry = home.registry()
    except ConfigurationError as error:
        return HomeSeen(home.path, mode, owner, os.geteuid(), None, str(error))
    keys = tuple(_key(home, *listed) for listed in registry.listed())
    return HomeSeen(
        home.path,
        mode,
        owner,
        os.geteuid(),
        registry,
        "",
        keys,
        tuple(_strays(home, keys)),
        _unusable(home, registry),
    )


def _key(home: Home, side: Side, owner: str, entry: KeyEntry) -> KeySeen:
    file = home.key_file(entry)
    here = file.exists()
    try:
        _load(entry, file, here=here)
    except (ToolwireError, ValueError) as error:
        return KeySeen(side, owner, entry, file, here, str(error))
    return KeySeen(side, owner, entry, file, here)


def _load(entry: KeyEntry, file: Path, *, here: bool) -> None:
    """Raises what is wrong with the key."""
    if entry.algorithm == "HS256":
        if here:
            HmacKey(entry.kid, keyfiles.read_secret(file))
        return
    public = from_base64url(entry.public or "")
    ed25519_verifier(public, entry.kid)
    if here and Ed25519Signer(entry.kid, keyfiles.read_private_key(file)).public_bytes() != public:
        raise ConfigurationError(f"{file} is not the private half of the listed public key")


def _strays(home: Home, keys: tuple[KeySeen, ...]) -> Iterator[Path]:
    known = {key.file for key in keys}
    if home.key_folder.is_dir():
        yield from (file for file in sorted(home.key_folder.iterdir()) if file not in known)


def _unusable(home: Home, registry: Registry) -> str:
    """Duplicate ids and secrets in the wrong place show only in the whole."""
    try:
        for client_id in registry.clients:
            home.server_keys(client_id)
    except ToolwireError as error:
        return str(error)
    return ""


def judge_home(seen: HomeSeen) -> Iterator[Finding]:
    """The folder, the registry, the files of keys."""
    desk = Desk(Area.HOME, str(seen.path))
    if seen.mode is None:
        yield desk.error(
            "no_home",
            "there is no such folder",
            "toolwire dev or toolwire keys new makes one; or name another with --home or TOOLWIRE_HOME",
        )
        return
    if seen.owner != seen.user:
        yield desk.warning(
            "home_owner",
            f"it belongs to user {seen.owner}, and this runs as user {seen.user}",
            f"run as that user, or chown -R {seen.user} {seen.path}",
        )
    if seen.mode & OTHERS:
        yield desk.warning(
            "home_mode", f"others may look into it (mode {seen.mode:04o})", f"chmod 700 {seen.path}"
        )
    if seen.registry is None:
        yield desk.error("registry", seen.complaint, f"correct {seen.path / 'registry.toml'}")
        return
    known = f"{count(len(seen.registry.clients), 'client')} and {count(len(seen.registry.servers), 'server')}"
    yield desk.ok("registry", f"the registry knows {known}")
    yield from _judge_keys(desk, seen)


def _judge_keys(desk: Desk, seen: HomeSeen) -> Iterator[Finding]:
    broken = [key for key in seen.keys if key.complaint and not key.entry.revoked]
    for key in broken:
        yield Desk(Area.HOME, f"key {key.entry.kid}").error(
            "key_refused",
            key.complaint,
            f"do what it says; or toolwire keys revoke {key.entry.kid}, and toolwire keys rotate "
            f"{key.side.removesuffix('s')} {key.owner} for a new one",
        )
    if seen.unusable and not broken:
        yield desk.error("keys", seen.unusable, f"correct {seen.path / 'registry.toml'}")
    for key in seen.keys:
        if key.entry.revoked and key.here:
            yield Desk(Area.HOME, f"key {key.entry.kid}").note(
                "revoked_file", "it is revoked, and its private file is still here", f"rm {key.file}"
            )
    for file in seen.strays:
        yield Desk(Area.HOME, str(file)).note(
            "stray_file", "the registry lists no key with this file", f"list it, or rm {file}"
        )
    if not broken and not seen.unusable:
        here = sum(key.here for key in seen.keys)
        yield desk.ok("keys", f"all {count(len(seen.keys), 'listed key')} load; {here} can sign from here")
