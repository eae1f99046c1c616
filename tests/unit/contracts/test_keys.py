"""Keys: weak ones are refused when they are loaded, secrets are never shown."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.contracts.samples import ED25519, HMAC, NOW_MS
from toolwire.contracts.encoding import base64url, from_base64url
from toolwire.contracts.errors import KeyRefused
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Key, Keyring, ed25519_verifier

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = (1).to_bytes(32, "little")

Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """The sum of two points of edwards25519 (RFC 8032, section 5.1)."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def encoded(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def eight_points() -> set[Point]:
    """The points of small order: the multiples of a point of order eight, computed here from scratch."""
    # On the curve -x² + y² = 1 + d·x²·y², doubling gives y = 0 exactly where y² = -x².
    # There d·y⁴ + 2y² - 1 = 0.
    root = square_root((1 + D) % P)
    assert root is not None
    for y_squared in ((-1 + root) * pow(D, -1, P) % P, (-1 - root) * pow(D, -1, P) % P):
        y, x = square_root(y_squared), square_root(-y_squared % P)
        if y is not None and x is not None:
            points = {(0, 1)}
            point = (x, y)
            while point not in points:
                points.add(point)
                point = add(point, (x, y))
            return points
    raise AssertionError("edwards25519 has a point of order eight")


def square_root(square: int) -> int | None:
    """A root modulo P, where P = 5 (mod 8)."""
    for factor in (1, pow(2, (P - 1) // 4, P)):
        root = pow(square, (P + 3) // 8, P) * factor % P
        if root * root % P == square:
            return root
    return None


def small_order_encodings() -> list[bytes]:
    """All encodings of the eight points: both signs, and the y + P that still fit 255 bits."""
    ys = {y for _, y in eight_points()}
    spelled = [y + extra for y in ys for extra in (0, P) if y + extra < 2**255]
    return [(y | sign << 255).to_bytes(32, "little") for y in sorted(spelled) for sign in (0, 1)]


def test_there_are_eight_points_of_small_order() -> None:
    assert len(eight_points()) == 8
    assert {encoded(point) for point in eight_points()} <= set(small_order_encodings())


@pytest.mark.promise("P3")
@pytest.mark.parametrize("public", small_order_encodings(), ids=bytes.hex)
def test_a_public_key_of_small_order_is_refused(public: bytes) -> None:
    with pytest.raises(KeyRefused, match="'k' is of small order or badly encoded"):
        ed25519_verifier(public, "k")


@pytest.mark.parametrize("y", range(P, 2**255))
def test_a_public_key_that_is_not_reduced_is_refused(y: int) -> None:
    """There are nineteen; a second spelling of a key would be a second key id's worth of confusion."""
    with pytest.raises(KeyRefused):
        ed25519_verifier(y.to_bytes(32, "little"), "k")


def test_another_library_would_verify_forgeries_under_the_identity() -> None:
    """Why small order is refused: with the identity as key, R = identity and S = 0 sign every message."""
    forged = IDENTITY + bytes(32)
    Ed25519PublicKey.from_public_bytes(IDENTITY).verify(forged, b"any message at all")


def sum_of(times: int, point: Point) -> Point:
    """The point, so many times."""
    total: Point = (0, 1)
    for bit in f"{times:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def signed(message: bytes, r_point: Point | bytes, r: int) -> bytes:
    """A signature by `ED25519` over `message` with the R and r of somebody who does as they like."""
    first = r_point if isinstance(r_point, bytes) else encoded(r_point)
    hashed = hashlib.sha512(first + ED25519.public_bytes() + message).digest()
    scalar = bytearray(hashlib.sha512(ED25519.seed).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 63 | 64
    s = (r + int.from_bytes(hashed, "little") * int.from_bytes(scalar, "little")) % ORDER
    return first + s.to_bytes(32, "little")


def test_what_only_the_keys_owner_can_make_odd() -> None:
    """Where libraries differ over signatures. All that does not verify here is made with the private key."""
    base_y = 4 * pow(5, -1, P) % P
    base_x = square_root((base_y**2 - 1) * pow(D * base_y**2 + 1, -1, P) % P)
    assert base_x is not None
    base = (base_x if base_x % 2 == 0 else P - base_x, base_y)
    r_point = sum_of(12345, base)
    small = next(point for point in eight_points() if point not in ((0, 1), (0, P - 1)))
    verifier = ed25519_verifier(ED25519.public_bytes(), "k")

    def verifies(signature: bytes) -> bool:
        return verifier.verify(b"message", base64url(signature))

    good = signed(b"message", r_point, 12345)
    assert verifies(good)
    assert not verifies(signed(b"message", add(r_point, small), 12345)), (
        "only the equation with cofactor holds"
    )
    assert not verifies(signed(b"message", (0, 1), 0)), "R is of small order"
    assert not verifies(signed(b"message", (P + 1).to_bytes(32, "little"), 0)), "and in another spelling"
    higher = int.from_bytes(good[32:], "little") + ORDER
    assert not verifies(good[:32] + higher.to_bytes(32, "little")), "S is not reduced"


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_another_library_signs_and_verifies_alike(seed: bytes, message: bytes) -> None:
    signer, other = Ed25519Signer("k", seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert signer.public_bytes() == other.public_key().public_bytes_raw()
    assert from_base64url(signer.sign(message)) == other.sign(message)
    assert ed25519_verifier(signer.public_bytes(), "k").verify(message, base64url(other.sign(message)))


@pytest.mark.parametrize("cut", [0, 1, 63])
def test_a_message_does_not_lend_its_bytes_to_a_short_signature(cut: int) -> None:
    """The library takes signature and message as one."""
    whole = from_base64url(ED25519.sign(b"message"))
    verifier = ed25519_verifier(ED25519.public_bytes(), "k")
    assert not verifier.verify(whole[cut:] + b"message", base64url(whole[:cut]))
    assert not verifier.verify(b"essage", base64url(whole + b"m"))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_private_key_has_32_bytes(length: int) -> None:
    with pytest.raises(KeyRefused, match=f"'k' has {length} bytes; Ed25519 has 32"):
        Ed25519Signer("k", bytes(length))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_public_key_has_32_bytes(length: int) -> None:
    with pytest.raises(KeyRefused, match=f"'k' has {length} bytes; Ed25519 has 32"):
        ed25519_verifier(bytes(length), "k")


@pytest.mark.parametrize("length", [0, 1, 31])
def test_a_short_secret_is_refused(length: int) -> None:
    with pytest.raises(KeyRefused, match=f"'k' has {length} bytes; HMAC-SHA256 needs at least 32"):
        HmacKey("k", b"x" * length)


@pytest.mark.parametrize("kid", ["", "-a", ".a", "a\n", "a b", 'a"', "é", "a/b", "a" * 65])
def test_a_key_id_must_have_its_shape(kid: str) -> None:
    """It stands in the line: a quote in it would be a line that nobody can split."""
    for make in (
        lambda: HmacKey(kid, bytes(32)),
        lambda: Ed25519Signer(kid, ED25519.seed),
        lambda: Key(kid, "owner", HMAC),
    ):
        with pytest.raises(KeyRefused, match=r"the key id .* must match"):
            make()


def test_secrets_are_not_shown() -> None:
    signer = Ed25519Signer("k", b"p" * 32)
    key = HmacKey("k", b"do not show me, I am a secret...")
    for shown in (repr(signer), str(signer), repr(key), str(key), repr(Key("k", "c", key))):
        assert "secret" not in shown
        assert "private" not in shown
        assert "pppp" not in shown


@pytest.mark.parametrize("signature", ["", "A", "AAAA", "A" * 85, "A" * 86, "A" * 87, "*" * 86, "é" * 86])
def test_what_is_no_signature_verifies_nothing(signature: str) -> None:
    assert not ed25519_verifier(ED25519.public_bytes(), "k").verify(b"message", signature)
    assert not HMAC.verify(b"message", signature)


def test_a_key_says_its_algorithm() -> None:
    assert ed25519_verifier(ED25519.public_bytes(), "k").algorithm == "Ed25519"
    assert HMAC.algorithm == "HS256"


@pytest.mark.parametrize(
    ("key", "refusal"),
    [
        (Key("k", "c", HMAC), None),
        (Key("k", "c", HMAC, not_before_ms=NOW_MS, not_after_ms=NOW_MS), None),
        (Key("k", "c", HMAC, not_before_ms=NOW_MS + 1), "key_out_of_date"),
        (Key("k", "c", HMAC, not_after_ms=NOW_MS - 1), "key_out_of_date"),
        (Key("k", "c", HMAC, revoked=True), "revoked_key"),
        (Key("k", "c", HMAC, not_after_ms=NOW_MS - 1, revoked=True), "revoked_key"),
    ],
)
def test_a_key_is_good_between_its_times_unless_revoked(key: Key, refusal: str | None) -> None:
    assert key.refusal(NOW_MS) == refusal


def test_a_key_id_stands_for_one_key() -> None:
    with pytest.raises(KeyRefused, match="'k' is used twice"):
        Keyring([Key("k", "a", HMAC), Key("k", "b", HMAC)])


def test_a_look_up_is_exact() -> None:
    ring = Keyring([Key("Key", "a", HMAC)])
    assert ring.find("Key") is not None
    assert [ring.find(kid) for kid in ("key", "Key ", "", "K")] == [None] * 4


def test_a_ring_gives_all_its_keys() -> None:
    keys = [Key("a", "owner", HMAC), Key("b", "owner", HMAC, revoked=True)]
    assert list(Keyring(keys)) == keys
