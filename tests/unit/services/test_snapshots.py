"""A record as its client sees it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.services.given import NOW, SERVER, record_of, request
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot, Progress
from toolwire.services.telling.snapshots import POLL_AFTER_MS, snapshot_of

JOB = record_of(request(tool="build", args={}), kind="job")
QUESTION = '{"key":"Approval","prompt":"Go on?","answer_schema":{},"model":"Approval"}'
ERROR = WireError(code=Code.INTERNAL, message="broke", retryable=False)


def test_a_running_job() -> None:
    half = Progress(fraction=0.5, message="half way")
    assert snapshot_of(replace(JOB, progress=half.model_dump_json()), SERVER) == JobSnapshot(
        job_id="job-1",
        server_id=SERVER,
        tool="build",
        status=Status.RUNNING,
        attempt=1,
        seq=2,
        progress=half,
        result=None,
        error=None,
        created_ms=NOW,
        started_ms=NOW,
        updated_ms=NOW,
        due_ms=None,
        question=None,
        deadline_ms=JOB.deadline_ms,
        poll_after_ms=POLL_AFTER_MS,
        final=False,
    )


@pytest.mark.promise("P7")
@pytest.mark.parametrize("status", Status)
def test_only_what_is_not_over_is_worth_another_poll(status: Status) -> None:
    error = ERROR.model_dump_json() if status in (Status.ERROR, Status.CANCELLED) else None
    question = QUESTION if status is Status.INPUT_REQUIRED else None
    snapshot = snapshot_of(replace(JOB, status=status, error=error, question=question), SERVER)
    assert (snapshot.final, snapshot.poll_after_ms) == (
        (True, None) if status.final else (False, POLL_AFTER_MS)
    )


def test_a_result_and_an_error_are_told_as_they_were_recorded() -> None:
    done = replace(JOB, status=Status.DONE, result='{"parts":[1,null]}')
    assert snapshot_of(done, SERVER).result == {"parts": [1, None]}
    failed = replace(JOB, status=Status.ERROR, error=ERROR.model_dump_json())
    assert snapshot_of(failed, SERVER).error == ERROR


@pytest.mark.promise("P2")
def test_who_holds_a_job_and_where_its_answers_go_does_not_show() -> None:
    """Equal snapshots for equal states: an event and a poll tell the same."""
    elsewhere = replace(
        JOB, token="token-2", holder="replica-2", lease_until_ms=NOW + 1, cancel_requested=True
    )
    assert snapshot_of(elsewhere, SERVER) == snapshot_of(JOB, SERVER)


def test_a_call_is_no_job() -> None:
    with pytest.raises(ValueError, match="is a call, not a job"):
        snapshot_of(record_of(request()), SERVER)
