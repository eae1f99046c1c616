"""The keys of the test vectors, and keys that must not be loaded: `vectors/keys.json`.

Everybody can compute their secrets, so that nobody may ever use them for anything else.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NOW_MS = 1_800_000_000_000
"""The time at which every vector is read."""

ABOUT = """\
The keys that sign the test vectors. Their secrets are published: never use them for anything else. \
`owner` signs with the key. An HS256 secret is shared by one client, its `owner`, and one server, its \
`peer`: in the server's keyring it stands for the owner, in the client's for the peer. Every other file \
says in `keyring` which of these keys its reader knows, and for whom each one stands there. A key is good \
from `not_before_ms` to `not_after_ms`, both included, where they are given, and never where `revoked` is \
true. `refused`: keys that a program must not load."""


def base64url(data: bytes) -> str:
    """base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class VectorKey:
    """One key; its secret bytes follow from its name, or from that of another key with the same secret."""

    kid: str
    owner: str
    algorithm: Literal["Ed25519", "HS256"]
    peer: str | None = None
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    revoked: bool = False
    same_as: str | None = None

    @property
    def material(self) -> bytes:
        """The seed of RFC 8032, or the secret."""
        return hashlib.sha256(f"toolwire test vectors, key {self.same_as or self.kid}".encode()).digest()

    @property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.material)

    @property
    def public(self) -> bytes:
        """The 32 public bytes of an Ed25519 key."""
        return self.private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The raw signature: 64 bytes of Ed25519, 32 of HMAC-SHA256."""
        if self.algorithm == "Ed25519":
            return self.private.sign(message)
        return hmac.digest(self.material, message, "sha256")

    def told(self) -> dict[str, Any]:
        """The entry in keys.json."""
        entry: dict[str, Any] = {"kid": self.kid, "owner": self.owner, "algorithm": self.algorithm}
        if self.algorithm == "Ed25519":
            entry |= {"private": base64url(self.material), "public": base64url(self.public)}
        else:
            entry |= {"peer": self.peer, "secret": base64url(self.material)}
        bounds = {"not_before_ms": self.not_before_ms, "not_after_ms": self.not_after_ms}
        entry |= {name: value for name, value in bounds.items() if value is not None}
        return entry | ({"revoked": True} if self.revoked else {})


_LISTED = (
    VectorKey("client-1.ed", "client-1", "Ed25519"),
    VectorKey("client-1.mac", "client-1", "HS256", peer="server-1"),
    VectorKey("client-1.twin", "client-1", "HS256", peer="server-1", same_as="client-1.mac"),
    VectorKey("client-1.mac-2", "client-1", "HS256", peer="server-2"),
    VectorKey("client-1.old", "client-1", "Ed25519", revoked=True),
    VectorKey("client-1.gone", "client-1", "Ed25519", not_after_ms=NOW_MS - 1, revoked=True),
    VectorKey("client-1.soon", "client-1", "HS256", peer="server-1", not_before_ms=NOW_MS + 1),
    VectorKey("client-1.late", "client-1", "HS256", peer="server-1", not_after_ms=NOW_MS - 1),
    VectorKey(
        "client-1.now", "client-1", "HS256", peer="server-1", not_before_ms=NOW_MS, not_after_ms=NOW_MS
    ),
    VectorKey("client-2.ed", "client-2", "Ed25519"),
    VectorKey("client-2.mac", "client-2", "HS256", peer="server-1"),
    VectorKey("client-3.ed", "client-3", "Ed25519"),
    VectorKey("server-1.ed", "server-1", "Ed25519"),
    VectorKey("server-1.old", "server-1", "Ed25519", revoked=True),
    VectorKey("server-1.gone", "server-1", "Ed25519", not_after_ms=NOW_MS - 1, revoked=True),
    VectorKey("server-1.soon", "server-1", "Ed25519", not_before_ms=NOW_MS + 1),
    VectorKey("server-1.late", "server-1", "Ed25519", not_after_ms=NOW_MS - 1),
    VectorKey("server-2.ed", "server-2", "Ed25519"),
    VectorKey("stranger.ed", "stranger", "Ed25519"),
)
KEYS = {key.kid: key for key in _LISTED}

_PRIME = 2**255 - 19
_ORDER_8 = (
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
)
_SIGN = 2**255
"""The bit of the encoding that gives the sign of x."""


def _refused_points() -> list[tuple[str, int, str]]:
    small = "of small order: there are signatures under it that verify for any message"
    spelled = "y is not below the field's prime: a second spelling of another key"
    return [
        ("the identity", 1, small),
        ("the identity with the sign bit", 1 | _SIGN, small),
        ("order 2", _PRIME - 1, small),
        ("order 2 with the sign bit", (_PRIME - 1) | _SIGN, small),
        ("order 4", 0, small),
        ("order 4 with the sign bit", _SIGN, small),
        *((f"order 8, y {number}", y, small) for number, y in enumerate(_ORDER_8, 1)),
        *(
            (f"order 8, y {number} with the sign bit", y | _SIGN, small)
            for number, y in enumerate(_ORDER_8, 1)
        ),
        ("order 4, y written as the prime", _PRIME, spelled),
        ("the identity, y written as the prime and 1", _PRIME + 1, spelled),
        ("the largest number in place of y", _SIGN - 1, spelled),
        ("all bits set", 2**256 - 1, spelled),
    ]


def _refused() -> list[dict[str, str]]:
    points = [
        {"name": name, "algorithm": "Ed25519", "public": base64url(y.to_bytes(32, "little")), "reason": why}
        for name, y, why in _refused_points()
    ]
    short = KEYS["client-1.ed"].public[:31]
    lengths = [
        {
            "name": f"{len(data)} bytes",
            "algorithm": "Ed25519",
            "public": base64url(data),
            "reason": "not 32 bytes",
        }
        for data in (b"", short, short + bytes(2))
    ]
    secrets = [
        {
            "name": f"a secret of {length} bytes",
            "algorithm": "HS256",
            "secret": base64url(KEYS["client-1.mac"].material[:length]),
            "reason": "a secret has at least 32 bytes",
        }
        for length in (0, 16, 31)
    ]
    return points + lengths + secrets


def keys_file() -> dict[str, Any]:
    """What stands in keys.json."""
    return {"about": ABOUT, "keys": [key.told() for key in _LISTED], "refused": _refused()}
