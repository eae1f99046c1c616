"""Keys: what signs, what verifies, and what a key id stands for.

The key names the algorithm. A message only names a key; the owner, the algorithm and the times between
which the key is good are configuration (promise P3).
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from toolwire.contracts.encoding import base64url, from_base64url
from toolwire.contracts.errors import KeyRefused
from toolwire.contracts.names import KID_PATTERN, MAX_SAFE_INTEGER

Algorithm = Literal["Ed25519", "HS256"]
"""Names of RFC 9864 and RFC 7518."""

MIN_SECRET_BYTES = 32
PUBLIC_KEY_BYTES = 32
SEED_BYTES = 32
_SIGNATURE_BYTES = 64

_FIELD_PRIME = 2**255 - 19
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    }
)
"""The y coordinates of the eight points of small order on edwards25519.

With one of them as public key there are signatures that verify for any message, and many libraries accept
them.
"""


class Signer(Protocol):
    """Makes signatures with one key."""

    @property
    def kid(self) -> str: ...
    def sign(self, message: bytes) -> str: ...


class Verifier(Protocol):
    """Checks signatures against one key."""

    @property
    def algorithm(self) -> Algorithm: ...
    def verify(self, message: bytes, signature: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Signs with an Ed25519 private key: the 32 bytes that RFC 8032 derives all else from."""

    kid: str
    seed: bytes = field(repr=False)
    _public: bytes = field(init=False, repr=False, compare=False)
    _secret: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_kid(self.kid)
        if len(self.seed) != SEED_BYTES:
            raise KeyRefused(f"private key {self.kid!r} has {len(self.seed)} bytes; Ed25519 has {SEED_BYTES}")
        public, secret = crypto_sign_seed_keypair(self.seed)
        object.__setattr__(self, "_public", public)
        object.__setattr__(self, "_secret", secret)

    def sign(self, message: bytes) -> str:
        """The signature, as base64url of 64 bytes."""
        return base64url(crypto_sign(message, self._secret)[:_SIGNATURE_BYTES])

    def public_bytes(self) -> bytes:
        """The 32 bytes that others verify with."""
        return self._public


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """Verifies with an Ed25519 public key; make it with `ed25519_verifier`, which refuses weak ones.

    libsodium, like OpenSSL, takes only an S below the group's order, and checks the equation of RFC 8032,
    section 5.1.7, without the cofactor, so that R has one spelling. It also refuses an R of small order,
    which others take: nobody makes such a signature but on purpose, and with the private key.
    """

    public: bytes

    @property
    def algorithm(self) -> Algorithm:
        return "Ed25519"

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether `signature` is this key's over `message`, in its one canonical spelling."""
        try:
            raw = from_base64url(signature)
            if len(raw) != _SIGNATURE_BYTES:  # what is signed would begin elsewhere
                return False
            crypto_sign_open(raw + message, self.public)
        except (BadSignatureError, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class HmacKey:
    """Signs and verifies with HMAC-SHA256 under a secret that exactly one client and one server share."""

    kid: str
    secret: bytes = field(repr=False)
    _keyed: hmac.HMAC = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_kid(self.kid)
        if len(self.secret) < MIN_SECRET_BYTES:
            raise KeyRefused(
                f"the secret of key {self.kid!r} has {len(self.secret)} bytes; HMAC-SHA256 needs at least "
                f"{MIN_SECRET_BYTES}. Make a new one."
            )
        # A copy of what has taken in the secret already takes two thirds of the time of `hmac.digest`.
        object.__setattr__(self, "_keyed", hmac.new(self.secret, digestmod="sha256"))

    @property
    def algorithm(self) -> Algorithm:
        return "HS256"

    def sign(self, message: bytes) -> str:
        """The tag, as base64url of 32 bytes."""
        tag = self._keyed.copy()
        tag.update(message)
        return base64url(tag.digest())

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether `signature` is the tag of `message`: encoded values compared as bytes, in constant time."""
        return hmac.compare_digest(self.sign(message).encode(), signature.encode())


def ed25519_verifier(public: bytes, kid: str) -> Ed25519Verifier:
    """A verifier for 32 raw public bytes. `KeyRefused` for a wrong length, a bad encoding or small order."""
    if len(public) != PUBLIC_KEY_BYTES:
        raise KeyRefused(f"public key {kid!r} has {len(public)} bytes; Ed25519 has {PUBLIC_KEY_BYTES}")
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    if y >= _FIELD_PRIME or y in _SMALL_ORDER_Y:
        raise KeyRefused(f"public key {kid!r} is of small order or badly encoded: it would verify forgeries")
    return Ed25519Verifier(public)


def fingerprint(public: bytes) -> str:
    """What people compare a public key by: `SHA256:` and base64url of the SHA-256 of its raw bytes."""
    return f"SHA256:{base64url(hashlib.sha256(public).digest())}"


def _check_kid(kid: str) -> None:
    if re.fullmatch(KID_PATTERN, kid) is None:
        raise KeyRefused(f"the key id {kid!r} must match {KID_PATTERN}")


@dataclass(frozen=True, slots=True)
class Key:
    """What a key id stands for: whose messages it verifies, how, and when."""

    kid: str
    owner: str
    """The client or server that signs with it."""
    verifier: Verifier
    not_before_ms: int = 0
    not_after_ms: int = MAX_SAFE_INTEGER
    revoked: bool = False

    def __post_init__(self) -> None:
        _check_kid(self.kid)

    def refusal(self, now_ms: int) -> str | None:
        """Why the key is not good at this time, in one word, or None."""
        if self.revoked:
            return "revoked_key"
        if not self.not_before_ms <= now_ms <= self.not_after_ms:
            return "key_out_of_date"
        return None


class Keyring:
    """The keys that one party accepts, by id. A look-up is exact; nothing in a message adds to it."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys: dict[str, Key] = {}
        for key in keys:
            if key.kid in self._keys:
                raise KeyRefused(f"the key id {key.kid!r} is used twice; every key needs its own")
            self._keys[key.kid] = key

    def find(self, kid: str) -> Key | None:
        """The key of that id, good or not."""
        return self._keys.get(kid)

    def follow(self, newer: "Keyring") -> None:
        """Accept from now on what `newer` accepts, for everybody who holds this keyring."""
        self._keys = {key.kid: key for key in newer}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())
