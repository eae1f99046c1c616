"""Errors at the command line: the exit code, the words for people, the document for programs."""

import io
import re
import sys

import pytest

from toolwire.broker.errors import Away
from toolwire.broker.node import NodeError
from toolwire.cli import exits
from toolwire.cli.explain import explain
from toolwire.cli.output import print_error, print_value, printable
from toolwire.contracts import errors
from toolwire.contracts.errors import Code, FieldError, JobFailed, RemoteError, ResultMismatch, WireError
from toolwire.services.store.port import StoreAway

BAD = WireError(
    code=Code.INVALID_ARGS,
    message="the arguments do not fit 'add'",
    retryable=False,
    fields=(FieldError(path="/numbers/0", type="float_type", message="Input should be a valid number"),),
)
LATE = WireError(code=Code.DEADLINE_EXCEEDED, message="too late", retryable=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), exits.USAGE),
        (errors.DefinitionError("x"), exits.USAGE),
        (errors.ConfigurationError("x"), exits.CONFIGURATION),
        (errors.KeyRefused("x"), exits.CONFIGURATION),
        (NodeError("x"), exits.CONFIGURATION),
        (RemoteError.of(BAD), exits.FAILED),
        (errors.JobFailed("job-1", BAD), exits.FAILED),
        (errors.JobCancelled("job-1"), exits.FAILED),
        (errors.ResultMismatch("add", "x"), exits.FAILED),
        (errors.NoSuchServer("s"), exits.UNDELIVERED),
        (errors.NoReplica("s"), exits.UNDELIVERED),
        (errors.QueueFull("s"), exits.UNDELIVERED),
        (errors.BrokerAway("x"), exits.UNDELIVERED),
        (errors.AccessDenied("x"), exits.UNDELIVERED),
        (Away("x"), exits.UNDELIVERED),
        (StoreAway("x"), exits.UNDELIVERED),
        (errors.DeadlineExceeded("r"), exits.TOO_LATE),
        (RemoteError.of(LATE), exits.TOO_LATE),
        (errors.AnswerNotVerified("r", ("x",)), exits.TOO_LATE),
        (errors.NotAccepted("r"), exits.TOO_LATE),
        (errors.JobNotOver("j", "r"), exits.TOO_LATE),
        (ValueError("x"), exits.BROKEN),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exits.exit_code(error) == code


def test_a_coded_error_shows_code_message_fields_and_advice() -> None:
    explained = explain(RemoteError.of(BAD))
    assert explained.lines == (
        "invalid_args: the arguments do not fit 'add'",
        "  /numbers/0: Input should be a valid number",
        "Values are read as JSON: numbers='[1, 2]' is a list, name='\"7\"' a text.",
    )
    assert explained.document == {
        "type": "InvalidArguments",
        "code": "invalid_args",
        "message": "the arguments do not fit 'add'",
        "retryable": False,
        "fields": [{"path": "/numbers/0", "type": "float_type", "message": "Input should be a valid number"}],
        "hints": ["Values are read as JSON: numbers='[1, 2]' is a list, name='\"7\"' a text."],
    }


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (Code.RESULT_INVALID, "service's log has the details under that error id"),
        (Code.RESULT_TOO_LARGE, "Ask for less"),
        (Code.DEADLINE_EXCEEDED, "under a new request id"),
    ],
)
def test_programs_and_people_get_the_same_advice(code: Code, advice: str) -> None:
    said = WireError(code=code, message="x", retryable=False)
    for error in (RemoteError.of(said), JobFailed("job-1", said)):
        explained = explain(error)
        (told,) = (line for line in explained.lines if advice in line)
        assert told in explained.document["hints"]


def test_a_tools_own_words_are_shown() -> None:
    said = WireError(
        code=Code.TOOL_ERROR, message="Card was declined", retryable=False, reason="card", data={"limit": 3}
    )
    assert explain(RemoteError.of(said)).lines == (
        "tool_error: Card was declined",
        "  reason: card",
        "  limit: 3",
    )


def test_a_failed_job_is_named() -> None:
    explained = explain(JobFailed("job-1", BAD))
    assert explained.lines[0] == "job job-1 failed"
    assert (explained.document["type"], explained.document["job_id"]) == ("JobFailed", "job-1")


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (errors.JobCancelled("job-1"), "What became of it: toolwire jobs show job-1"),
        (JobFailed("job-1", BAD), "What became of it: toolwire jobs show job-1"),
        (errors.NotAccepted("r-1"), "The same command with --request-id r-1 asks for the same again."),
        (errors.DeadlineExceeded("r-1"), "The same command with --request-id r-1 asks for the same again."),
        (errors.NotAJob("add", {"total": 3}), "The command for it: toolwire call add"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_to_type_next_is_told(error: Exception, hint: str) -> None:
    explained = explain(error)
    assert explained.lines[-1] == explained.document["hints"][-1] == hint


def test_a_result_that_nobody_asked_to_be_lost_is_shown() -> None:
    explained = explain(errors.NotAJob("add", {"total": 3}))
    assert 'Its result is {"total": 3}' in explained.lines
    assert explained.document["result"] == {"total": 3}


def test_a_note_is_a_hint() -> None:
    error = errors.UsageError("no")
    error.add_note("Did you mean yes?")
    assert explain(error).lines == ("no", "Did you mean yes?")
    assert explain(error).document["hints"] == ["Did you mean yes?"]


def test_a_local_error_is_its_text() -> None:
    explained = explain(errors.NoReplica("server-1"))
    assert explained.lines == (str(errors.NoReplica("server-1")),)
    assert explained.document == {"type": "NoReplica", "message": str(errors.NoReplica("server-1"))}


def test_a_result_that_does_not_fit_says_where() -> None:
    field = FieldError(path="/total", type="int_type", message="Input should be a valid integer")
    assert explain(ResultMismatch("add", "it does not fit", (field,))).document["fields"] == [
        field.model_dump()
    ]


def test_people_read_stderr_and_programs_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(explain(errors.UsageError("no")), as_json=False)
    assert capsys.readouterr() == ("", "error: no\n")
    print_error(explain(errors.UsageError("no")), as_json=True)
    assert capsys.readouterr() == ('{"error":{"type":"UsageError","message":"no"}}\n', "")


def test_a_server_cannot_move_the_terminals_cursor() -> None:
    assert printable("\x1b[2Jgone\r\nhello\tworld ✓") == "�[2Jgone�\nhello\tworld ✓"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_result_cannot_move_the_terminals_cursor(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]
) -> None:
    out = stream()
    monkeypatch.setattr(sys, "stdout", out)
    print_value({"gr\xfc\xdfe": "\x9b2J\x7f\u202eevil\ud800 日本\u3000語 ✓ 😀"})
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())  # the colours
    assert shown == '{\n  "grüße": "\\u009b2J\\u007f\\u202eevil\\ud800 日本\u3000語 ✓ 😀"\n}\n'
