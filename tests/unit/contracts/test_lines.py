"""A message's body: 1 to 64 lines, at most 1 MiB, nothing compressed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwire.contracts.errors import DefinitionError, Unverified
from toolwire.contracts.lines import (
    CONTENT_TYPE,
    MAX_BODY_BYTES,
    MAX_LINES,
    check_content,
    join,
    split_body,
)


@pytest.mark.parametrize("count", [1, 2, MAX_LINES])
def test_lines_come_back_as_they_were(count: int) -> None:
    lines = [b"{%d}" % number for number in range(count)]
    assert split_body(join(lines)) == lines


@pytest.mark.parametrize("count", [0, MAX_LINES + 1])
def test_too_few_or_too_many_lines_are_not_joined(count: int) -> None:
    with pytest.raises(
        DefinitionError, match=f"^{count} lines of .* it holds 1 to 64 lines and at most 1048576"
    ):
        join([b"{}"] * count)


def test_the_largest_body_is_exactly_a_mebibyte() -> None:
    body = join([b"a" * (MAX_BODY_BYTES // 2), b"b" * (MAX_BODY_BYTES // 2 - 1)])
    assert len(body) == MAX_BODY_BYTES
    assert len(split_body(body)) == 2
    with pytest.raises(DefinitionError, match="1048577 bytes"):
        join([body, b""])


@pytest.mark.promise("P9")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a" * (MAX_BODY_BYTES + 1), "too_large"),
        (b"\n".join([b"{}"] * (MAX_LINES + 1)), "too_many_lines"),
        (b"\n" * MAX_BODY_BYTES, "too_many_lines"),
        (b"", "bad_lines"),
        (b"\n", "bad_lines"),
        (b"{}\n", "bad_lines"),
        (b"\n{}", "bad_lines"),
        (b"{}\n\n{}", "bad_lines"),
        (b"{}\r\n{}", "bad_lines"),
        (b"{\r}", "bad_lines"),
    ],
)
def test_a_body_of_another_shape_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Unverified) as refused:
        split_body(body)
    assert refused.value.reason == reason


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b", "\x0c", "\x1e"])
def test_only_a_line_feed_separates_lines(separator: str) -> None:
    """`str.splitlines` knows ten separators; the protocol knows one byte."""
    assert split_body(f"a{separator}b".encode()) == [f"a{separator}b".encode()]


def test_plain_json_lines_are_accepted() -> None:
    check_content(CONTENT_TYPE, None)


@pytest.mark.parametrize(
    ("content_type", "encoding", "reason"),
    [
        (None, None, "bad_content_type"),
        ("application/json", None, "bad_content_type"),
        ("application/jsonl; charset=utf-16", None, "bad_content_type"),
        (CONTENT_TYPE, "gzip", "bad_content_encoding"),
        (CONTENT_TYPE, "", "bad_content_encoding"),
    ],
)
def test_other_content_is_refused(content_type: str | None, encoding: str | None, reason: str) -> None:
    with pytest.raises(Unverified) as refused:
        check_content(content_type, encoding)
    assert refused.value.reason == reason


@pytest.mark.promise("P9")
@given(st.binary(max_size=300))
def test_any_bytes_give_lines_or_a_refusal(body: bytes) -> None:
    try:
        lines = split_body(body)
    except Unverified:
        return
    assert b"\n".join(lines) == body
