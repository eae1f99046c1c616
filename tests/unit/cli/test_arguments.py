"""Arguments on the command line."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from toolwire.cli.arguments import read_arguments
from toolwire.contracts.errors import UsageError


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("a=1", 1),
        ("a=[1, 2.5]", [1, 2.5]),
        ('a="7"', "7"),
        ("a=true", True),
        ("a=null", None),
        ("a=hello world", "hello world"),
        ("a=x=y", "x=y"),
        ("a=", ""),
        ("a=NaN", "NaN"),
        ('a={"b":1,"b":2}', '{"b":1,"b":2}'),
        ("a=01", "01"),
    ],
)
def test_a_value_is_json_or_else_text(pair: str, value: object) -> None:
    assert read_arguments([pair], None) == {"a": value}


def test_a_document_and_pairs_go_together() -> None:
    assert read_arguments(["b=2"], '{"a": 1}') == {"a": 1, "b": 2}


def test_a_document_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "args.json"
    file.write_text('{"a": [1]}')
    assert read_arguments([], f"@{file}") == {"a": [1]}


def test_a_document_comes_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"a": 1}')))
    assert read_arguments([], "-") == {"a": 1}


@pytest.mark.parametrize(
    ("pairs", "document", "complaint"),
    [
        (["a"], None, "'a' is not an argument: write name=value"),
        (["=1"], None, "'=1' is not an argument"),
        (["a=1", "a=2"], None, "the argument 'a' is given twice"),
        (["a=1"], '{"a": 2}', "the argument 'a' is given twice"),
        ([], "{", "--args cannot be read as JSON"),
        ([], '{"a": 1, "a": 2}', "--args cannot be read as JSON"),
        ([], "a.json", "--args cannot be read as JSON: "),
        ([], "[1]", "--args holds no JSON object"),
        ([], "@/no/such/file", "the arguments in '@/no/such/file' cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(pairs: list[str], document: str | None, complaint: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_arguments(pairs, document)
    assert str(raised.value).startswith(complaint)


def test_who_names_a_file_is_told_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"`--args @a\.json` reads a file$"):
        read_arguments([], "a.json")
    with pytest.raises(UsageError) as raised:
        read_arguments([], '{"a": 1')
    assert "@" not in str(raised.value), "that is no name of a file"
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UsageError) as raised:
        read_arguments([], "@a.json")
    assert str(raised.value).startswith("a.json cannot be read as JSON")
    assert "@" not in str(raised.value)
