"""Fills a TOOLWIRE_HOME: new keys, and the registry's entries for them.

Everything here may be repeated: what exists already stays as it is.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import tomlkit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tomlkit.items import InlineTable, Table

from toolwire.client.home import Home
from toolwire.contracts.encoding import base64url
from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.keys import MIN_SECRET_BYTES, Algorithm
from toolwire.contracts.names import ID_PATTERN, is_id
from toolwire.contracts.registry import KeyEntry

_GREETING = "Who may ask, who answers, and the public keys of both. Whoever is not listed does not exist."
_LONGEST_STEM = 56
"""A key id is at most 64 characters: its owner's beginning, a dot and a number."""


def create_home(path: Path | str) -> Home:
    """The home at that path, made if it is not there: mode 0700, unseen by git, with an empty registry."""
    home = Home(path)
    for folder in (home.path, home.key_folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    if not (unseen := home.path / ".gitignore").exists():
        unseen.write_text("*\n", encoding="utf-8")
    if not home.registry_file.exists():
        empty = tomlkit.document()
        empty.add(tomlkit.comment(_GREETING))
        _write_registry(home, empty)
    return home


def add_client(
    home: Home, client_id: str, *, allow: Iterable[str] = ("*",), hmac_for: str | None = None
) -> str:
    """List a client that may use the tools in `allow`, with a key of its own, and return the key's id.

    The key is Ed25519 or, with `hmac_for`, a secret shared with that server. Of a client that is listed
    already, the missing patterns and the missing kind of key are added.
    """
    document = _read_registry(home)
    client = _entry(document, "clients", client_id)
    allowed = client.setdefault("allow", tomlkit.array())
    for pattern in allow:
        if pattern not in allowed:
            allowed.append(pattern)
    if hmac_for is None:
        kid = _ensure_key(home, client, client_id, "Ed25519")
    else:
        kid = _ensure_key(home, client, client_id, "HS256", _checked(hmac_for))
    _write_registry(home, document)
    return kid


def add_server(home: Home, server_id: str) -> str:
    """List a server, with an Ed25519 key of its own, and return the key's id."""
    document = _read_registry(home)
    kid = _ensure_key(home, _entry(document, "servers", server_id), server_id, "Ed25519")
    _write_registry(home, document)
    return kid


def _ensure_key(home: Home, party: Table, owner: str, algorithm: Algorithm, peer: str | None = None) -> str:
    """The id of a key of that kind that is listed and whose file is here; a new one if there is none."""
    listed = party.setdefault("keys", tomlkit.array().multiline(multiline=True))
    for entry in map(KeyEntry.model_validate, listed.unwrap()):
        file = home.path / entry.secret_file if entry.secret_file else home.private_key_file(entry.kid)
        if (entry.algorithm, entry.peer) == (algorithm, peer) and not entry.revoked and file.exists():
            return entry.kid
    kid = _free_kid(home, owner)
    new = {"kid": kid, "algorithm": algorithm}
    if algorithm == "Ed25519":
        new |= {"public": _new_private_key(home.private_key_file(kid))}
    else:
        _write_secret(home.secret_file(kid))
        new |= {"secret_file": str(home.secret_file(kid).relative_to(home.path)), "peer": str(peer)}
    listed.append(_inline(new))
    return kid


def _new_private_key(file: Path) -> str:
    """Write a new private key and return its public half."""
    private = Ed25519PrivateKey.generate()
    _write_private(file, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return base64url(private.public_key().public_bytes_raw())


def _write_secret(file: Path) -> None:
    _write_private(file, base64url(secrets.token_bytes(MIN_SECRET_BYTES)).encode() + b"\n")


def _write_private(file: Path, data: bytes) -> None:
    """Write a new file that is 0600 from its first moment on."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(data)


def _free_kid(home: Home, owner: str) -> str:
    """`<owner>.<number>`, never listed and never on file: a key id is not used again for another key."""
    taken = set(_listed_kids(home)) | {file.stem for file in home.key_folder.iterdir()}
    number = 1
    while (kid := f"{owner[:_LONGEST_STEM]}.{number}") in taken:
        number += 1
    return kid


def _listed_kids(home: Home) -> Iterator[str]:
    registry = home.registry()
    for client in registry.clients.values():
        yield from (entry.kid for entry in client.keys)
    for server in registry.servers.values():
        yield from (entry.kid for entry in server.keys)


# --- registry.toml, with the comments and the order that its reader gave it ---


def _read_registry(home: Home) -> tomlkit.TOMLDocument:
    home.registry()  # says what is wrong with the file, and where
    return tomlkit.parse(home.registry_file.read_text(encoding="utf-8"))


def _write_registry(home: Home, document: tomlkit.TOMLDocument) -> None:
    """Replace the file in one step, so that a reader sees the old one or the new one."""
    draft = home.registry_file.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(tomlkit.dumps(document), encoding="utf-8")
    draft.replace(home.registry_file)


def _entry(document: tomlkit.TOMLDocument, kind: str, name: str) -> Table:
    group = document.setdefault(kind, tomlkit.table(is_super_table=True))
    entry: Table = group.setdefault(_checked(name), tomlkit.table())
    return entry


def _checked(name: str) -> str:
    if not is_id(name):
        raise ConfigurationError(f"the id {name!r} must match {ID_PATTERN}")
    return name


def _inline(values: dict[str, str]) -> InlineTable:
    table = tomlkit.inline_table()
    for name, value in values.items():
        table[name] = value
    return table
