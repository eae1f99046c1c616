"""How a job's events are shown."""

import io
import json
from typing import get_args

import pytest

from toolwire.cli.following import NAMES, describe, document, json_lines, words
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.events import (
    Accepted,
    Answered,
    Cancelled,
    Current,
    Done,
    Failed,
    InputRequired,
    JobEvent,
    Output,
    Progressed,
    Retrying,
    Started,
)
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot, Progress, Question

QUESTION = Question(
    key="Approval",
    prompt="go\x07 on?",
    answer_schema={"properties": {"approved": {"type": "boolean"}}, "required": ["approved"]},
)
HALF = Progress(fraction=0.5, message="half\x07 way")


def snapshot(status: Status = Status.RUNNING, progress: Progress | None = None) -> JobSnapshot:
    failed = status in (Status.ERROR, Status.CANCELLED)
    error = WireError(code=Code.INTERNAL, message="x", retryable=False) if failed else None
    return JobSnapshot(
        job_id="job-1",
        server_id="server-1",
        tool="bake",
        status=status,
        attempt=2,
        seq=3,
        progress=progress,
        result=None,
        error=error,
        created_ms=1,
        started_ms=1,
        updated_ms=1,
        due_ms=1 if status is Status.ACCEPTED else None,
        question=QUESTION if status is Status.INPUT_REQUIRED else None,
        deadline_ms=2,
        poll_after_ms=None if status.final else 1,
        final=status.final,
    )


SHOWN: list[tuple[JobEvent, str]] = [
    (Current(snapshot()), "now running (attempt 2)"),
    (Current(snapshot(progress=HALF)), "now running (attempt 2) 50% half� way"),
    (Accepted(snapshot(Status.ACCEPTED)), "accepted"),
    (Started(snapshot()), "started, attempt 2"),
    (Progressed(snapshot(progress=HALF)), "progress (attempt 2) 50% half� way"),
    (Progressed(snapshot(progress=Progress(fraction=1.0))), "progress (attempt 2) 100%"),
    (
        Retrying(snapshot(Status.ACCEPTED)),
        "retrying: attempt 2 did not end the job, its history says why: toolwire jobs show job-1",
    ),
    (Output(snapshot(), ("text", 2, {"a": None})), 'output text\noutput 2\noutput {"a": null}'),
    (
        InputRequired(snapshot(Status.INPUT_REQUIRED)),
        "asks Approval: go\ufffd on?\nto answer it: toolwire answer job-1 approved=true",
    ),
    (Answered(snapshot(Status.ACCEPTED)), "answered"),
    (Done(snapshot(Status.DONE)), "done"),
    (Failed(snapshot(Status.ERROR)), "error"),
    (Cancelled(snapshot(Status.CANCELLED)), "cancelled"),
]


@pytest.mark.parametrize(("event", "line"), SHOWN, ids=lambda value: value if isinstance(value, str) else "")
def test_an_event_is_one_line(event: JobEvent, line: str) -> None:
    assert describe(event) == line
    stream = io.StringIO()
    with words(stream) as show:
        show(event)
    assert stream.getvalue() == f"{line}\n"


def test_every_event_has_a_name() -> None:
    assert set(NAMES) == set(get_args(JobEvent)) == {type(event) for event, _ in SHOWN}


def test_programs_get_one_json_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with json_lines() as show:
        show(Started(snapshot()))
        show(Output(snapshot(), (1,)))
    started, output = map(json.loads, capsys.readouterr().out.splitlines())
    assert started == {"event": "started", "snapshot": snapshot().model_dump(mode="json")}
    assert output["event"] == "output"
    assert output["output"] == [1]
    assert "output" not in document(Started(snapshot()))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_the_other_events_above_it() -> None:
    shown = on_terminal(*(event for event, _ in SHOWN), Progressed(snapshot(progress=HALF)))
    assert "started, attempt 2" in shown
    assert "50%" in shown
    assert "\x07" not in shown


def test_the_bar_of_a_job_that_waits_again_says_so_and_is_empty() -> None:
    shown = on_terminal(Retrying(snapshot(Status.ACCEPTED, progress=HALF)))
    assert "waits to run again" in shown
    assert "50%" not in shown


def test_a_job_that_is_looked_at_again_and_again_makes_one_line() -> None:
    shown = on_terminal(*(Current(snapshot(progress=HALF)) for _ in range(3)))
    assert shown.count("now running") == 1


def on_terminal(*events: JobEvent) -> str:
    """What a terminal is sent for these events."""
    terminal = Terminal()
    with words(terminal) as show:
        for event in events:
            show(event)
    return terminal.getvalue()
