"""Rows of the tables as the values of the port."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import Address, Message, NewRecord, Record, RecordKey


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
    over = Status(row.status).final
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
        status=Status(row.status),
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        priority=row.priority,
        due_ms=row.due_ms,
        seq=row.seq,
        progress=row.progress,
        question=row.question if row.status == Status.INPUT_REQUIRED else None,
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


def columns_of(new: NewRecord, unit: Unit) -> Mapping[str, object]:
    """The columns of a record at its birth, apart from its status and what comes with that."""
    return {
        "server_id": unit.server_id,
        "client_id": new.key.client_id,
        "request_id": new.key.request_id,
        "kind": new.kind,
        "job_id": new.job_id,
        "meaning": new.meaning,
        "tool": new.tool,
        "needs": new.needs or new.tool,
        "args": new.args,
        "trace": new.trace,
        "reply_to": new.address.reply_to,
        "request_digest": new.address.request_digest,
        "kid": new.address.kid,
        "asked_ms": new.address.asked_ms,
        "max_attempts": new.max_attempts,
        "priority": new.priority,
        "due_ms": max(unit.now_ms, new.run_at_ms or 0),
        "created_ms": unit.now_ms,
        "updated_ms": unit.now_ms,
        "deadline_ms": new.deadline_ms,
        "keep_until_ms": new.deadline_ms,
    }
