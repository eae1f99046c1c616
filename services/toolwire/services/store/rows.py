"""Rows of the tables as the values of the port."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import Address, Message, NewRecord, Record, RecordKey
from toolwire.services.store.schema import records


@dataclass(frozen=True, slots=True)
class Unit:
    """What every unit of work gets: the open transaction, whose store it is, and what time it is there."""

    connection: Connection
    server_id: str
    now_ms: int
    asked_ms: int
    """What time it was there when the unit was asked for, if it had to wait for long; else `now_ms`."""


def record_of(row: Row[Any]) -> Record:
    """The record in a row that has all columns of `tw_records`."""
    status = Status(row.status)
    over = status.final
    return Record(
        key=RecordKey(row.client_id, row.request_id),
        kind=row.kind,
        job_id=row.job_id,
        meaning=row.meaning,
        tool=row.tool,
        args=row.args,
        trace=row.trace,
        needs=row.needs,
        address=Address(row.reply_to, row.request_digest, row.kid, row.asked_ms),
        status=status,
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        priority=row.priority,
        due_ms=row.due_ms,
        seq=row.seq,
        progress=row.progress,
        question=row.question if status is Status.INPUT_REQUIRED else None,
        checkpoint=row.checkpoint,
        answers=row.answers,
        # A message from before the end is read beside a record that may have ended since.
        result=row.result if over else None,
        error=row.error if over else None,
        created_ms=row.created_ms,
        started_ms=row.started_ms,
        updated_ms=row.updated_ms,
        deadline_ms=row.deadline_ms,
        token=row.token,
        holder=row.holder,
        lease_until_ms=row.lease_until_ms,
        cancel_requested=row.cancel is not None,
        forgotten=row.forgotten_ms is not None,
    )


def message_of(number: int, event: str | None, record: Record, output: str | None = None) -> Message:
    """The message that tells of `record` as it stood; `output` are the pieces of an output event."""
    return Message(
        number=number,
        key=record.key,
        address=record.address,
        tool=record.tool,
        trace=record.trace,
        event=None if event is None else EventName(event),
        seq=record.seq,
        record=record,
        output=output,
    )


def newborn(
    new: NewRecord,
    now_ms: int,
    status: Status,
    *,
    attempt: int = 0,
    seq: int = 0,
    started_ms: int | None = None,
    token: str | None = None,
    holder: str | None = None,
    lease_until_ms: int | None = None,
) -> Record:
    """A record at its birth."""
    return Record(
        key=new.key,
        kind=new.kind,
        job_id=new.job_id,
        meaning=new.meaning,
        tool=new.tool,
        args=new.args,
        trace=new.trace,
        needs=new.needs or new.tool,
        address=new.address,
        status=status,
        attempt=attempt,
        max_attempts=new.max_attempts,
        priority=new.priority,
        due_ms=max(now_ms, new.run_at_ms or 0),
        seq=seq,
        progress=None,
        question=None,
        checkpoint=None,
        answers=None,
        result=None,
        error=None,
        created_ms=now_ms,
        started_ms=started_ms,
        updated_ms=now_ms,
        deadline_ms=new.deadline_ms,
        token=token,
        holder=holder,
        lease_until_ms=lease_until_ms,
        cancel_requested=False,
        forgotten=False,
    )


BORN_COLUMNS = tuple(
    records.c[name]
    for name in (
        *("server_id", "client_id", "request_id", "kind", "job_id", "meaning", "tool", "needs", "args"),
        *("trace", "reply_to", "request_digest", "kid", "asked_ms", "status", "attempt", "max_attempts"),
        *("priority", "due_ms", "seq", "created_ms", "started_ms", "updated_ms", "deadline_ms"),
        *("keep_until_ms", "token", "holder", "lease_until_ms"),
    )
)
"""The columns that a record has at its birth; all others are NULL."""


def columns_of(server_id: str, born: Record) -> dict[str, object]:
    """The values of `BORN_COLUMNS`."""
    return {
        "server_id": server_id,
        "client_id": born.key.client_id,
        "request_id": born.key.request_id,
        "kind": born.kind,
        "job_id": born.job_id,
        "meaning": born.meaning,
        "tool": born.tool,
        "needs": born.needs,
        "args": born.args,
        "trace": born.trace,
        "reply_to": born.address.reply_to,
        "request_digest": born.address.request_digest,
        "kid": born.address.kid,
        "asked_ms": born.address.asked_ms,
        "status": born.status.value,
        "attempt": born.attempt,
        "max_attempts": born.max_attempts,
        "priority": born.priority,
        "due_ms": born.due_ms,
        "seq": born.seq,
        "created_ms": born.created_ms,
        "started_ms": born.started_ms,
        "updated_ms": born.updated_ms,
        "deadline_ms": born.deadline_ms,
        "keep_until_ms": born.deadline_ms,
        "token": born.token,
        "holder": born.holder,
        "lease_until_ms": born.lease_until_ms,
    }
