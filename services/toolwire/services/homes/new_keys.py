"""New keys: their ids, their private halves in files, and their entries for the registry."""

import os
import secrets
from pathlib import Path

import tomlkit
from tomlkit.items import AoT, InlineTable, Table

from toolwire.client.home import Home
from toolwire.client.keyfiles import private_key_pem
from toolwire.contracts.encoding import base64url
from toolwire.contracts.keys import MIN_SECRET_BYTES, SEED_BYTES, Ed25519Signer

_LONGEST_STEM = 56
"""A key id is at most 64 characters: its owner's beginning, a dot and a number."""


def new_key(home: Home, owner: str, peer: str | None) -> dict[str, str | int]:
    """Make a key and put its private half into its file: Ed25519 or, with `peer`, a secret shared with it.

    Returns what the registry says of it.
    """
    kid = _free_kid(home, owner)
    if peer is None:
        return {"kid": kid, "algorithm": "Ed25519", "public": _new_private_key(home, kid)}
    file = home.secret_file(kid)
    _write_private(file, base64url(secrets.token_bytes(MIN_SECRET_BYTES)).encode() + b"\n")
    return {
        "kid": kid,
        "algorithm": "HS256",
        "secret_file": str(file.relative_to(home.path)),
        "peer": peer,
    }


def add_key(party: Table, values: dict[str, str | int]) -> None:
    """List a key with a client or a server: as a line of its array or, where there are such, as a table."""
    listed = party.setdefault("keys", tomlkit.array().multiline(multiline=True))
    listed.append(tomlkit.item(values) if isinstance(listed, AoT) else _inline(values))


def _inline(values: dict[str, str | int]) -> InlineTable:
    """A key's entry as one line of TOML."""
    table = tomlkit.inline_table()
    for name, value in values.items():
        table[name] = value
    return table


def _new_private_key(home: Home, kid: str) -> str:
    """Write a new private key and return its public half."""
    signer = Ed25519Signer(kid, secrets.token_bytes(SEED_BYTES))
    _write_private(home.private_key_file(kid), private_key_pem(signer.seed))
    return base64url(signer.public_bytes())


def _write_private(file: Path, data: bytes) -> None:
    """Write a new file that is 0600 from its first moment on."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(data)


def _free_kid(home: Home, owner: str) -> str:
    """`<owner>.<number>`, never listed and never on file: a key id is not used again for another key."""
    taken = {key.kid for _, _, key in home.registry().listed()}
    taken |= {file.stem for file in home.key_folder.iterdir()}
    number = 1
    while (kid := f"{owner[:_LONGEST_STEM]}.{number}") in taken:
        number += 1
    return kid
