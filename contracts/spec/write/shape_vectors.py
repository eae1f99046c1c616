"""Cases that are the same for every type: the shape of a line, the key that it names, and its signature."""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from spec.write.keys import KEYS, base64url
from spec.write.lines import Vector, closed, compact, refused, sealed, signed_bytes, text

_ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's base point."""
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True, slots=True)
class Subject:
    """One type of envelope, as the cases need it."""

    type: str
    envelope: Mapping[str, Any]
    """A small valid one."""
    open: Mapping[str, Any]
    """One with a hole for any JSON value."""
    ed: str
    """The id of an Ed25519 key that may sign it."""
    mac: str | None
    """The id of a secret that may, if there is one."""
    plain: str
    """The id of the key that signs whatever could be signed with either."""

    unexpected: tuple[str, ...]
    """The types that its reader never expects."""

    @property
    def payload(self) -> bytes:
        """The small one's text."""
        return compact(self.envelope)


def shape(subject: Subject) -> Iterator[Vector]:
    """Lines that are refused as `bad_envelope`: their shape names no key."""
    line = sealed(subject.payload, subject.plain, subject.type)
    head, tail = line[: len(subject.payload) - 1], line[len(subject.payload) - 1 :]
    kid, signature = tail[len(',"signature":"') : -2].split(b":")
    cases: dict[str, bytes] = {
        "nothing": b"",
        "only a signature": tail,
        "no signature": subject.payload,
        "the signature in front": b"{" + tail[1:-1] + b"," + subject.payload[1:],
        "a field behind the signature": line[:-1] + b',"x":1}',
        "a space behind": line + b" ",
        "a line feed behind": line + b"\n",
        "a carriage return behind": line + b"\r",
        "a NUL behind": line + b"\x00",
        "a space in front": b" " + line,
        "a byte order mark in front": b"\xef\xbb\xbf" + line,
        "an array": b"[" + line[1:],
        "a space behind the comma": head + tail.replace(b',"', b', "', 1),
        "a space in front of the colon": head + tail.replace(b'":"', b'" :"', 1),
        "a space behind the colon": head + tail.replace(b'":"', b'": "', 1),
        "a space in front of the last brace": line[:-1] + b" }",
        "a space behind the key's id": head + tail.replace(b":" + signature, b": " + signature),
        "a space in front of the key's id": head + tail.replace(kid, b" " + kid),
        "the word in capitals": head + tail.replace(b"signature", b"Signature"),
        "the word with an escape": head + tail.replace(b"signature", b"sign\\u0061ture"),
        "the key's id with an escape": head + tail.replace(b"1", b"\\u0031", 1),
        "single quotes": head + tail.replace(b'"', b"'"),
        "no key's id": head + tail.replace(kid + b":", b""),
        "an empty key's id": head + tail.replace(kid, b""),
        "a key's id that begins with a dot": head + tail.replace(kid, b".ed"),
        "a key's id of 65 characters": head + tail.replace(kid, b"k" * 65),
        "a key's id beyond ASCII": head + tail.replace(kid, "cli\u00e9nt".encode()),
        "a dot in place of the colon": head + tail.replace(b":" + signature, b"." + signature),
        "an empty signature": head + tail.replace(signature, b""),
        "a signature of 42 characters": head + tail.replace(signature, signature[:42]),
        "a signature of 129 characters": head + tail.replace(signature, b"A" * 129),
        "padding": line[:-2] + b'="}',
        "the other alphabet, +": line[:-3] + b'+"}',
        "the other alphabet, /": line[:-3] + b'/"}',
        "a space in the signature": line[:-3] + b' "}',
        "a line feed in the signature": line[:-3] + b'\n"}',
        "an escape in the signature": line[:-3] + b'\\u0041"}',
        "cut off after the quote": line[:-1],
        "UTF-16": line.decode().encode("utf-16-le"),
    }
    for name, case in cases.items():
        yield refused(f"shape: {name}", case, "bad_envelope")


def keys(subject: Subject) -> Iterator[Vector]:
    """Lines that name a key which their reader does not know in that spelling."""
    payload, type_ = subject.payload, subject.type
    cases = {
        "a stranger's key": sealed(payload, "stranger.ed", type_),
        "the id in capitals": _renamed(subject, subject.ed.upper()),
        "an id with a letter more": _renamed(subject, subject.ed + "x"),
        "an id with a letter less": _renamed(subject, subject.ed[:-1]),
        "an id of 64 characters": _renamed(subject, "k" * 64),
        "an id that some languages know of every object": _renamed(subject, "constructor"),
    }
    for name, case in cases.items():
        yield refused(f"key: {name}", case, "unknown_key")


def spent_keys(subject: Subject, owner: str) -> Iterator[Vector]:
    """Lines under keys of an owner that are not good now: that is told before the signature is looked at."""
    for name, kid, reason in (
        ("revoked", f"{owner}.old", "revoked_key"),
        ("revoked, and good until the last millisecond", f"{owner}.gone", "revoked_key"),
        ("good from the next millisecond", f"{owner}.soon", "key_out_of_date"),
        ("good until the last millisecond", f"{owner}.late", "key_out_of_date"),
    ):
        line = sealed(subject.payload, kid, subject.type)
        yield refused(f"key: {name}", line, reason)
        forged = line.replace(b'"toolwire/1"', b'"toolwire/2"')
        yield refused(f"key: {name}, and a changed letter", forged, reason)


def _renamed(subject: Subject, kid: str) -> bytes:
    signature = KEYS[subject.ed].sign(signed_bytes(subject.payload, kid, subject.type))
    return closed(subject.payload, kid, base64url(signature))


def signatures(subject: Subject) -> Iterator[Vector]:
    """Lines with a known key and a signature that is not that key's over this text."""
    for kid in filter(None, (subject.ed, subject.mac)):
        algorithm = KEYS[kid].algorithm
        for name, line in {**_wrong_texts(subject, kid), **_wrong_spellings(subject, kid)}.items():
            yield refused(f"signature: {name}, {algorithm}", line, "bad_signature")
    for name, line in _confusions(subject).items():
        yield refused(f"signature: {name}", line, "bad_signature")


def _wrong_texts(subject: Subject, kid: str) -> dict[str, bytes]:
    payload, type_ = subject.payload, subject.type
    line = sealed(payload, kid, type_)

    def over(message: bytes) -> bytes:
        return closed(payload, kid, base64url(KEYS[kid].sign(message)))

    right = signed_bytes(payload, kid, type_)
    spaced = text(subject.envelope).replace('":', '": ').encode()
    signed_compact = base64url(KEYS[kid].sign(right))
    return {
        **{f"made for another type, {other}": sealed(payload, kid, other) for other in subject.unexpected},
        "of another text": closed(
            payload, kid, base64url(KEYS[kid].sign(right.replace(b"toolwire/1", b"toolwire/2")))
        ),
        "a changed letter": line.replace(b"toolwire/1", b"toolwire/2"),
        "twice, one behind the other": line[:-1] + line[len(payload) - 1 :],
        "a space more": line.replace(b'","v"', b'", "v"'),
        "over the compact text of a text with spaces": closed(spaced, kid, signed_compact),
        "over the text alone": over(payload),
        "without the first line": over(right.split(b"\n", 1)[1]),
        "without the type": over(right.replace(type_.encode() + b"\n", b"", 1)),
        "without the key's id": over(right.replace(kid.encode() + b"\n", b"", 1)),
        "with a line feed behind": over(right + b"\n"),
        "with carriage returns": over(right.replace(b"\n", b"\r\n")),
        "of another version of the formula": over(right.replace(b"sig-v1", b"sig-v2")),
        "over the text without its last brace": over(right[:-1]),
    }


def _wrong_spellings(subject: Subject, kid: str) -> dict[str, bytes]:
    payload = subject.payload
    raw = KEYS[kid].sign(signed_bytes(payload, kid, subject.type))
    spelled = base64url(raw)
    alike = 16 if KEYS[kid].algorithm == "Ed25519" else 4
    place = _ALPHABET.index(spelled[-1])
    cases = {
        f"its last character as one that decodes alike, {step}": spelled[:-1] + _ALPHABET[place + step]
        for step in (1, alike - 1)
    }
    cases |= {
        "a character more": spelled + "A",
        "two bytes more": base64url(raw + bytes(2)),
        "all zeros": base64url(bytes(len(raw))),
        "in hex": raw[:32].hex(),
        "of 128 characters": "A" * 128,
        "the first 32 bytes alone" if alike == 16 else "its first byte changed": base64url(
            raw[:32] if alike == 16 else bytes([raw[0] ^ 1]) + raw[1:]
        ),
    }
    return {name: closed(payload, kid, signature) for name, signature in cases.items()}


def _confusions(subject: Subject) -> dict[str, bytes]:
    payload, ed = subject.payload, KEYS[subject.ed]
    message = signed_bytes(payload, ed.kid, subject.type)
    raw = ed.sign(message)
    high = (int.from_bytes(raw[32:], "little") + _ORDER).to_bytes(32, "little")
    cases = {
        "S and the order added, which is the same point": closed(payload, ed.kid, base64url(raw[:32] + high)),
        "R and S exchanged": closed(payload, ed.kid, base64url(raw[32:] + raw[:32])),
        "R is the identity and S is 0": closed(payload, ed.kid, base64url(b"\x01" + bytes(63))),
        "HMAC with the public bytes as secret": closed(payload, ed.kid, _tag(ed.public, message)),
        "HMAC with the public key's text as secret": closed(
            payload, ed.kid, _tag(base64url(ed.public).encode(), message)
        ),
    }
    if subject.mac is not None:
        mac = KEYS[subject.mac]
        cases["Ed25519 with the secret as seed"] = closed(
            payload, mac.kid, base64url(_as_seed(mac.material, signed_bytes(payload, mac.kid, subject.type)))
        )
        cases["HMAC with an empty secret"] = closed(
            payload, mac.kid, _tag(b"", signed_bytes(payload, mac.kid, subject.type))
        )
        moved = KEYS["client-1.mac"].sign(signed_bytes(payload, "client-1.mac", subject.type))
        cases["moved to another key with the same secret"] = closed(
            payload, "client-1.twin", base64url(moved)
        )
    return cases


def _tag(secret: bytes, message: bytes) -> str:
    return base64url(hmac.digest(secret, message, "sha256"))


def _as_seed(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)
