"""One rule for each kind of name, asked by pydantic and by plain code alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from toolwire.contracts.names import Digest, Id, Kid, Nonce, ToolName, is_id, is_tool_name

ID, KID, TOOL, NONCE, DIGEST = (TypeAdapter[str](kind) for kind in (Id, Kid, ToolName, Nonce, Digest))

SHORT = st.text(alphabet=st.sampled_from("aZ0_-.\n é\x00\u0660"), max_size=4)


def fits(kind: TypeAdapter[str], text: str) -> bool:
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    return True


@given(SHORT)
def test_pydantic_and_plain_code_agree(text: str) -> None:
    assert fits(ID, text) == is_id(text)
    assert fits(TOOL, text) == is_tool_name(text)


@pytest.mark.parametrize("text", ["a", "A1", "0", "client-001", "a_b", "a-", "x" * 64])
def test_ids(text: str) -> None:
    assert is_id(text)
    assert fits(KID, text)
    assert is_tool_name(text)


@pytest.mark.parametrize(
    "text", ["", "-a", "_a", "a.b", "a\n", "\na", "a b", "é", "\u0661", "a*", "a#", "x" * 65, "a/b", ".."]
)
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)
    assert not fits(ID, text)


@pytest.mark.parametrize(
    ("text", "good"),
    [("a.b", True), (".", True), ("x" * 128, True), ("x" * 129, False), ("", False), ("a\n", False)],
)
def test_tool_names(text: str, good: bool) -> None:
    assert is_tool_name(text) == fits(TOOL, text) == good


@pytest.mark.parametrize(("text", "good"), [("a.b", True), (".a", False), ("a\n", False), ("x" * 65, False)])
def test_key_ids(text: str, good: bool) -> None:
    assert fits(KID, text) == good


@pytest.mark.parametrize(("kind", "length"), [(NONCE, 22), (DIGEST, 43)])
def test_nonces_and_digests_have_one_length(kind: TypeAdapter[str], length: int) -> None:
    assert fits(kind, "A" * length)
    assert not any(
        fits(kind, text)
        for text in ("A" * (length - 1), "A" * (length + 1), "A" * length + "\n", "=" * length)
    )
