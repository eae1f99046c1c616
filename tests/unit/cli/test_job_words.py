"""A job in words: the row of the list, the page with its history, and what to do next."""

from collections.abc import Sequence
from typing import Any

import pytest

from toolwire.cli.job_words import HEADINGS, in_lines, row, standing
from toolwire.cli.jobs import Wanted
from toolwire.cli.times import clock, moment, span
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.history import Happened, HistoryEntry, JobHistory, Why
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot, Progress, Question

NOON = 1_800_000_000_000
BROKE = WireError(code=Code.INTERNAL, message="broke", retryable=False, data={"error_id": "id-1"})


def snapshot(status: Status = Status.RUNNING, **changes: Any) -> JobSnapshot:
    known: dict[str, Any] = {
        "job_id": "job-1",
        "server_id": "server-1",
        "tool": "bake",
        "status": status,
        "attempt": 1,
        "seq": 3,
        "progress": Progress(fraction=0.5, message="half\x07 way"),
        "result": None,
        "error": BROKE if status in (Status.ERROR, Status.CANCELLED) else None,
        "created_ms": NOON,
        "started_ms": NOON,
        "updated_ms": NOON + 60_000,
        "due_ms": NOON if status is Status.ACCEPTED else None,
        "question": None,
        "deadline_ms": NOON + 3_600_000,
        "poll_after_ms": None if status.final else 1,
        "final": status.final,
    }
    return JobSnapshot(**known | changes)


QUESTION = Question(
    key="Approval",
    prompt="Deploy\x07 it?",
    answer_schema={
        "type": "object",
        "properties": {"approved": {"type": "boolean"}},
        "required": ["approved"],
    },
)


def entry(event: Happened, attempt: int = 1, at: int = 0, **more: Any) -> HistoryEntry:
    return HistoryEntry(event=event, at_ms=NOON + at, seq=1, attempt=attempt, replica="replica-1", **more)


STARTED = [entry(Happened.ACCEPTED, 0), entry(Happened.STARTED, at=5)]


def page(
    job: JobSnapshot, entries: Sequence[HistoryEntry] = STARTED, at: int = 90_000, flags: str = ""
) -> list[str]:
    history = JobHistory(job_id=job.job_id, server_id=job.server_id, entries=tuple(entries))
    return list(in_lines(job, history, NOON + at, flags))


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (-5, "0.0s"),
        (1_234, "1.2s"),
        (12_000, "12s"),
        (192_000, "3m12s"),
        (7_500_000, "2h5m"),
        (360_000_000, "4d4h"),
    ],
)
def test_a_span_is_one_short_word(ms: int, words: str) -> None:
    assert span(ms) == words


def test_moments_are_utc() -> None:
    assert moment(NOON + 1) == "2027-01-15 08:00:00Z"
    assert clock(NOON + 1) == "08:00:00.001"


def test_a_row_of_a_running_job_shows_how_silent_it_is() -> None:
    cells = dict(zip(HEADINGS, row(snapshot(), NOON + 90_000), strict=True))
    assert (cells["AGE"], cells["SILENT"], cells["TIME-LEFT"]) == ("1m30s", "30s", "58m30s")
    assert (cells["STATUS"], cells["ATTEMPT"], cells["PROGRESS"]) == ("running", "1", "50%")


def test_a_row_of_a_job_that_is_over_has_no_clock_running() -> None:
    cells = dict(zip(HEADINGS, row(snapshot(Status.ERROR), NOON + 90_000), strict=True))
    assert (cells["SILENT"], cells["TIME-LEFT"], cells["PROGRESS"]) == ("", "", "")
    assert cells["MESSAGE"] == "internal: broke"


def test_a_running_job_is_understood_from_its_page() -> None:
    lines = page(snapshot(), flags=" --server server-1")
    assert "status     running, attempt 1 on replica-1" in lines
    assert "progress   50% half� way" in lines
    assert "last news  2027-01-15 08:01:00Z, 30s ago" in lines
    assert "  08:00:00.005     0.0s  started       attempt 1, on replica-1" in lines
    assert lines[-1] == "  end it:                toolwire cancel job-1 --server server-1"


def test_why_an_attempt_was_not_the_last_is_told() -> None:
    lost = entry(Happened.RETRYING, at=2_000, why=Why.LEASE_LOST)
    broke = entry(Happened.RETRYING, 2, at=3_000, why=Why.BROKE, error_id="id-1", due_ms=NOON + 63_000)
    waits = snapshot(Status.ACCEPTED, attempt=2, due_ms=NOON + 63_000)
    lines = page(waits, [*STARTED, lost, broke], at=4_000)
    assert "status     accepted: attempt 3 starts in 59s" in lines
    assert any("attempt 1, on replica-1, the lease was lost" in line for line in lines)
    assert any(line.endswith("the tool broke, error id id-1, again after 1m0s") for line in lines)
    assert any("the service's log has the traceback" in line for line in lines)


def test_a_job_that_waits_says_for_what() -> None:
    assert "status     accepted: waits for a replica with a free slot" in page(
        snapshot(Status.ACCEPTED, attempt=0, progress=None), STARTED[:1]
    )


def test_a_failed_job_shows_its_error_with_the_remedy() -> None:
    lines = page(snapshot(Status.ERROR))
    at = lines.index("error      internal: broke")
    assert lines[at + 1 : at + 3] == [
        "           error_id: id-1",
        "           The service's log has the details under that error id.",
    ]


def test_a_long_result_is_cut_with_the_way_to_the_whole() -> None:
    (line,) = [line for line in page(snapshot(Status.DONE, result="x" * 900)) if line.startswith("result")]
    assert line.endswith("… (902 characters: toolwire poll job-1)")


def test_a_job_without_a_history_says_so() -> None:
    assert "  nothing: it is older than the histories of this service" in page(snapshot(), [])


def test_a_job_that_is_asked_to_end_says_so() -> None:
    lines = page(snapshot(), [*STARTED, entry(Happened.CANCEL_ASKED)])
    assert "status     running, attempt 1 on replica-1, asked to end" in lines
    assert lines[-1] == "  see it end:            toolwire watch job-1"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status.CANCELLED, "job job-1 is cancelled"),
        (Status.RUNNING, "job job-1 is asked to end; it runs until its tool notices: toolwire watch job-1"),
        (Status.DONE, "job job-1 was over already, and stays: done"),
    ],
)
def test_a_cancel_says_how_the_job_stands(status: Status, said: str) -> None:
    assert standing(snapshot(status)) == said


def test_silent_jobs_are_asked_for_among_those_that_are_not_over() -> None:
    assert set(Wanted(silent_ms=0).asked) == {Status.ACCEPTED, Status.RUNNING, Status.INPUT_REQUIRED}
    assert Wanted((Status.RUNNING, Status.DONE), silent_ms=0).asked == [Status.RUNNING]
    assert Wanted((Status.DONE,)).asked == (Status.DONE,)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(tools=("bake",)), True),
        (Wanted(tools=("brew",)), False),
        (Wanted(silent_ms=30_000), True),
        (Wanted(silent_ms=30_001), False),
    ],
)
def test_what_is_wanted(wanted: Wanted, fits: bool) -> None:
    assert wanted.fits(snapshot(), NOON + 90_000) is fits


def test_a_parked_job_says_what_it_asks_and_how_it_is_answered() -> None:
    parked = snapshot(Status.INPUT_REQUIRED, question=QUESTION)
    asked = entry(Happened.INPUT_REQUIRED, at=7)
    lines = page(parked, [*STARTED, asked], flags=" --server server-1")
    assert "status     input_required: waits for its owner's answer, and holds no replica" in lines
    assert "question   Approval: Deploy\ufffd it?" in lines
    assert "           answer: {approved: true or false}" in lines
    assert "  answer it:             toolwire answer job-1 approved=true --server server-1" in lines
    assert "  end it:                toolwire cancel job-1 --server server-1" in lines
    cells = dict(zip(HEADINGS, row(parked, NOON + 90_000), strict=True))
    assert cells["MESSAGE"] == "asks Approval: Deploy\x07 it?"
