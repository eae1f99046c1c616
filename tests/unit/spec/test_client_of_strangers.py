"""The client that was written from PROTOCOL.md alone opens and refuses lines as the vectors say."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from spec import client as strangers
from spec.client import Dropped, Private, Public, seal, unseal
from tests.unit.spec.vector_files import EVENT, KEYS, RESPONSE, bytes_of, line_of

SOURCE = Path(strangers.__file__).read_text(encoding="utf-8")
LONGEST = 140  # lines of code

NOT_PINNED = {"revoked_key", "key_out_of_date"}
"""The client judges no keys: its user pins the good ones, and all others are unknown."""
LAX = {
    f"JSON: {name}"
    for name in (
        "a number in 201 containers",
        "an empty array in 201 containers",
        "an object's member in 201 containers",
        "an integer of 400 digits",
        "the smallest integer that rounds to infinity",
    )
}
BY_FIELDS = ("envelope", "snapshot", "unlike its snapshot", "bad error", "outcome")
"""Vectors that need the check of every field, which the client leaves out."""


def pinned_by(file: dict[str, Any]) -> dict[str, Public]:
    """The keys of a file's reader that are good at its time."""
    entries = [KEYS[kid] for kid in file["keyring"] if not KEYS[kid].get("revoked")]
    return {
        entry["kid"]: bytes_of(entry["secret"])
        if "secret" in entry
        else Ed25519PublicKey.from_public_bytes(bytes_of(entry["public"]))
        for entry in entries
        if entry.get("not_before_ms", 0) <= file["now_ms"] <= entry.get("not_after_ms", 2**53)
    }


def opened(line: bytes, pinned: dict[str, Public]) -> tuple[str | None, Any]:
    """Why a line is refused, or nothing and the envelope."""
    try:
        return None, unseal(line, pinned)
    except Dropped as why:
        return str(why), None
    except (ValueError, LookupError, RecursionError):
        return "invalid_envelope", None


def expected_of(vector: dict[str, Any]) -> tuple[str | None, Any]:
    """What opening gives. What fails in later steps of section 9 is opened as well."""
    if "accepted" in vector:
        return None, vector["accepted"]["envelope"]
    reason = vector["refused"]["reason"]
    if reason in NOT_PINNED:
        return "unknown_key", None
    opens = reason in {"bad_envelope", "unknown_key", "bad_signature", "invalid_envelope"}
    return (reason if opens else None), None


def cannot_tell(vector: dict[str, Any]) -> bool:
    """Whether the client need not refuse what others have to."""
    name = vector["name"]
    return "refused" in vector and (name in LAX or name.split(":")[0] in BY_FIELDS)


@pytest.mark.parametrize("file", [RESPONSE, EVENT], ids=["response", "event"])
def test_it_opens_lines_as_the_vectors_say(file: dict[str, Any]) -> None:
    pinned = pinned_by(file)
    wrong: list[str] = []
    for vector in file["vectors"]:
        told, expected = opened(line_of(vector), pinned), expected_of(vector)
        fine = told[0] in {None, expected[0]} if cannot_tell(vector) else told[0] == expected[0]
        if not fine or ("accepted" in vector and told != expected):
            wrong.append(f"{vector['name']}: expected {expected[0] or 'opened'}, was {told[0] or 'opened'}")
    assert not wrong, "\n".join(wrong)
    assert {vector["name"] for vector in file["vectors"]} >= LAX


def test_it_seals_the_examples_of_the_page_byte_for_byte() -> None:
    page = Path(strangers.__file__).with_name("PROTOCOL.md").read_text(encoding="utf-8")
    keys: dict[str, tuple[str, Private]] = {
        "Ed25519": ("client-001.1", Ed25519PrivateKey.from_private_bytes(bytes(range(32)))),
        "HS256": ("client-001.2", bytes(range(32, 64))),
    }
    envelope = json.loads(page.split("```json request P\n")[1].split("\n")[0])
    for name, (kid, key) in keys.items():
        assert seal(envelope, kid, key) == page.split(f"request line {name}\n")[1].split("\n")[0].encode()


def test_it_imports_nothing_of_toolwire() -> None:
    imported = {
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names | {"pika", "cryptography"}


def test_it_is_short() -> None:
    """In lines of code: without empty lines, imports and docstrings."""
    aside: set[int] = set()
    for node in ast.walk(ast.parse(SOURCE)):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and (text or isinstance(node, ast.Import | ast.ImportFrom)):
            aside |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code = [line for at, line in enumerate(SOURCE.splitlines(), 1) if line.strip() and at not in aside]
    assert len(code) <= LONGEST, f"{len(code)} lines of code"
