"""`toolwire answer`: what is typed becomes an answer, and a question says how that is done."""

from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, JsonValue, RootModel

from toolwire.cli import exits
from toolwire.cli.answering import read_answer
from toolwire.cli.commands import app
from toolwire.cli.examples import answer_line
from toolwire.cli.running import exit_code_of
from toolwire.contracts.descriptors import input_schema
from toolwire.contracts.errors import UsageError
from toolwire.services.asking.questions import read_answer as read_as


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["approved=true"], {"approved": True}),
        (["approved=true", "note=go on", "limits=[1]"], {"approved": True, "note": "go on", "limits": [1]}),
        (['{"approved": true}'], {"approved": True}),
        (["[1, 2]"], [1, 2]),
        (["true"], True),
        (["12"], 12),
        (['"a=b"'], "a=b"),
        (["note=[not json"], {"note": "[not json"}),
    ],
)
def test_what_is_typed_is_an_answer(words: list[str], answer: JsonValue) -> None:
    assert read_answer(words) == answer


def test_an_answer_comes_from_a_file_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "answer.json"
    file.write_text('{"approved": true}')
    assert read_answer([f"@{file}"]) == {"approved": True}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))
    assert read_answer(["-"]) == [1]


@pytest.mark.parametrize("words", [["yes"], ["approved"], ["@/no/such/file"], ["a=1", "a=2"], ["{", "}"]])
def test_what_is_no_answer_is_told(words: list[str]) -> None:
    with pytest.raises(UsageError):
        read_answer(words)


def test_a_file_without_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text("yes")
    with pytest.raises(UsageError, match="cannot be read as JSON"):
        read_answer([f"@{tmp_path / 'answer.json'}"])


@pytest.mark.parametrize("words", [["answer"], ["answer", "job-1"], ["answer", "no job", "true"]])
def test_wrong_usage_sends_nothing(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(app, words) != exits.OK
    assert capsys.readouterr().err.startswith("error: ")


class Approval(BaseModel):
    approved: bool
    why: Literal["it's time", "later"]
    note: str = ""


class Nothing(BaseModel):
    note: str = ""


class Reasons(RootModel[list[str]]): ...


@pytest.mark.parametrize("model", [Approval, Nothing, Reasons])
def test_the_command_that_is_shown_answers_the_question(model: type[BaseModel]) -> None:
    line = answer_line("job-1", json.loads(json.dumps(input_schema(model))))
    toolwire, verb, job, *words = shlex.split(line)
    assert (toolwire, verb, job) == ("toolwire", "answer", "job-1")
    read_as(model, read_answer(words))
