"""A private key's file is read whoever wrote it, and what else may stand in such a file is told apart."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from toolwire.client.keyfiles import private_key_pem, read_private_key
from toolwire.contracts.errors import KeyRefused

SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
NO_PEM, ANOTHER_KIND = "is not an unencrypted private key in PEM", "holds a key of another kind"


WITH_PUBLIC = """\
-----BEGIN PRIVATE KEY-----
MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB
Z9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PRIVATE KEY-----
"""
"""The second example of RFC 8410, section 10.3, and its seed."""
ITS_SEED = "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"


def pem(
    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | x25519.X25519PrivateKey,
    *,
    format_: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    """The key's file as another library writes it."""
    return key.private_bytes(Encoding.PEM, format_, encryption or NoEncryption())


def armoured(der: bytes) -> bytes:
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(der) + b"\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    return path


def test_what_is_written_is_read_here_and_elsewhere(file: Path) -> None:
    file.write_bytes(private_key_pem(SEED))
    assert read_private_key(file) == SEED
    assert private_key_pem(SEED) == pem(KEY)
    other = load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(other, Ed25519PrivateKey)
    assert other.private_bytes_raw() == SEED


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        (pem(KEY), SEED),
        (pem(KEY).replace(b"\n", b"\r\n"), SEED),
        (pem(KEY).rstrip(), SEED),
        (b"what it is for\n" + pem(KEY) + b"more\n", SEED),
        (WITH_PUBLIC.encode(), bytes.fromhex(ITS_SEED)),
    ],
    ids=["plain", "CRLF", "no last line feed", "with words around it", "with its public half"],
)
def test_a_private_key_is_read_whoever_wrote_it(file: Path, text: bytes, seed: bytes) -> None:
    file.write_bytes(text)
    assert read_private_key(file) == seed


DER = base64.b64decode(pem(KEY).split(b"-----")[2])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", NO_PEM),
        (pem(KEY)[:-30], NO_PEM),
        (pem(KEY)[30:], NO_PEM),
        (pem(KEY).replace(b"MC4C", b"MC*C"), NO_PEM),
        (armoured(DER)[:60] + armoured(DER)[61:], NO_PEM),
        (pem(KEY, encryption=BestAvailableEncryption(b"password")), NO_PEM),
        (pem(KEY).replace(b"PRIVATE KEY", b"PUBLIC KEY"), NO_PEM),
        (pem(ec.generate_private_key(ec.SECP256R1())), ANOTHER_KIND),
        (
            pem(ec.generate_private_key(ec.SECP256R1()), format_=PrivateFormat.TraditionalOpenSSL),
            ANOTHER_KIND,
        ),
        (pem(x25519.X25519PrivateKey.generate()), ANOTHER_KIND),
        (armoured(DER[:-1]), ANOTHER_KIND),
        (armoured(DER + b"\0"), ANOTHER_KIND),
        (armoured(b"\x30\x2d" + DER[2:-1]), ANOTHER_KIND),
        (armoured(b"\x30\x80" + DER[2:]), ANOTHER_KIND),
        (armoured(b""), ANOTHER_KIND),
    ],
    ids=[
        *("empty", "no end", "no beginning", "no base64", "a character less", "encrypted", "public", "EC"),
        *("EC of old", "X25519", "short", "longer", "a short seed", "of no length", "nothing"),
    ],
)
def test_what_is_no_private_key_of_ours_is_refused(file: Path, text: bytes, told: str) -> None:
    file.write_bytes(text)
    with pytest.raises(KeyRefused, match=told):
        read_private_key(file)
