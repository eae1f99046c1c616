"""Private keys and secrets in files that nobody else may read."""

import base64
import os
import re
import stat
from pathlib import Path

from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.errors import KeyRefused

MAX_KEY_FILE_BYTES = 16 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

# Read here and not by a library for cryptography: the one that reads PEM takes a tenth of the memory of an
# idle replica, for 48 bytes of which 16 are always the same.
_PEM = re.compile(
    rb"-----BEGIN ((?:[A-Z]+ )*PRIVATE KEY)-----\s*([A-Za-z0-9+/=\s]+)-----END \1-----(?:\s|\Z)"
)
"""RFC 7468, without the header lines of encrypted keys of old."""
_ED25519 = bytes.fromhex("300506032b657004220420")
"""In DER: the algorithm, then the beginnings of an octet string and of the 32 bytes in it (RFC 8410, 7)."""
_PKCS8 = re.compile(rb"\x30(.)\x02\x01[\x00\x01]" + re.escape(_ED25519) + rb"(.{32}).*", re.DOTALL)
"""RFC 5958, section 2: what may follow are attributes and, in version 1, the public key."""
_PKCS8_BEGINNING = b"\x30\x2e\x02\x01\x00" + _ED25519


def read_private_key(file: Path) -> bytes:
    """The Ed25519 private key in a PKCS#8 PEM file, as its seed. `KeyRefused` says what is wrong with it."""
    pem = _PEM.search(_read(file))
    if pem is None or pem[1].startswith(b"ENCRYPTED"):
        raise KeyRefused(f"{file} is not an unencrypted private key in PEM")
    try:
        der = base64.b64decode(b"".join(pem[2].split()), validate=True)
    except ValueError as error:
        raise KeyRefused(f"{file} is not an unencrypted private key in PEM") from error
    key = _PKCS8.fullmatch(der)
    if key is None or key[1][0] != len(der) - 2:
        raise KeyRefused(f"{file} holds a key of another kind; Toolwire signs with Ed25519")
    return key[2]


def private_key_pem(seed: bytes) -> bytes:
    """The text of the file that `read_private_key` reads."""
    der = base64.b64encode(_PKCS8_BEGINNING + seed)
    return b"-----BEGIN PRIVATE KEY-----\n" + der + b"\n-----END PRIVATE KEY-----\n"


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
