"""Private keys and secrets in files that nobody else may read."""

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.errors import KeyRefused

MAX_KEY_FILE_BYTES = 16 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_private_key(file: Path) -> Ed25519PrivateKey:
    """The Ed25519 private key in a PKCS#8 PEM file. `KeyRefused` says what is wrong with it."""
    try:
        key = load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyRefused(f"{file} is not an unencrypted private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(f"{file} holds a key of another kind; Toolwire signs with Ed25519")
    return key


def read_secret(file: Path) -> bytes:
    """The bytes of an HMAC secret in a base64url text file. `KeyRefused` says what is wrong with it."""
    try:
        return from_base64url(_read(file).decode("ascii").strip())
    except ValueError as error:
        raise KeyRefused(f"{file} is not base64url text without padding") from error


def _read(file: Path) -> bytes:
    """The bytes of a file that is this user's alone.

    The open file is judged, not its name: between two looks a name can come to mean another file. A link is
    not followed, and a FIFO does not hang the opening.
    """
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise KeyRefused(f"there is no key file {file}: put it there, or set TOOLWIRE_HOME") from error
    except OSError as error:
        raise KeyRefused(
            f"{file} cannot be opened as a key file: {error.strerror}; links are refused"
        ) from error
    with os.fdopen(opened, "rb") as stream:
        _judge(file, os.fstat(opened))
        return stream.read(MAX_KEY_FILE_BYTES)


def _judge(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyRefused(f"{file} is not a plain file; put the key itself there")
    if status.st_uid != os.geteuid():
        raise KeyRefused(
            f"{file} belongs to user {status.st_uid}, not to user {os.geteuid()} that runs this: "
            f"chown {os.geteuid()} {file}"
        )
    if status.st_mode & _OTHERS:
        raise KeyRefused(f"{file} can be read by others: chmod 600 {file}")
