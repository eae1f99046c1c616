"""A record as the snapshot that its client sees: one function, so that an event and a poll tell the same."""

import json

from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot, Progress, Question
from toolwire.services.store.port import Record

POLL_AFTER_MS = 5000


def question_of(recorded: str) -> Question:
    """The question in a record, without what only its server needs."""
    told = json.loads(recorded)
    return Question.model_validate({name: told[name] for name in Question.model_fields})


def snapshot_of(record: Record, server_id: str) -> JobSnapshot:
    """The snapshot of a job's record. A pure function of the record: equal records give equal snapshots."""
    if record.job_id is None:
        raise ValueError(f"the record of {record.key} is a call, not a job")
    return JobSnapshot(
        job_id=record.job_id,
        server_id=server_id,
        tool=record.tool,
        status=record.status,
        attempt=record.attempt,
        seq=record.seq,
        progress=None if record.progress is None else Progress.model_validate_json(record.progress),
        result=None if record.result is None else json.loads(record.result),
        error=None if record.error is None else WireError.model_validate_json(record.error),
        created_ms=record.created_ms,
        started_ms=record.started_ms,
        updated_ms=record.updated_ms,
        due_ms=record.due_ms if record.status is Status.ACCEPTED else None,
        question=None if record.question is None else question_of(record.question),
        deadline_ms=record.deadline_ms,
        poll_after_ms=None if record.status.final else POLL_AFTER_MS,
        final=record.status.final,
    )
