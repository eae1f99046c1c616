"""The history of jobs, written in the transaction that made it true.

A job whose tool may start very often keeps its newest attempts: the rows of one job are bounded, and so is
what its end has to clear away.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select

from toolwire.contracts.history import KEPT_ATTEMPTS, KEPT_EVENTS, Happened, HistoryEntry, Why
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import Cause
from toolwire.services.store.rows import Unit
from toolwire.services.store.schema import has_body, history, records

_WRITE = insert(history).inline()
_DROP_OLDEST = delete(history).where(
    history.c.record_id == bindparam("record"),
    history.c.attempt > 0,
    history.c.attempt <= bindparam("last_to_go"),
)
_READ = (
    select(*history.c)
    .join(records, records.c.id == history.c.record_id)
    .where(
        records.c.server_id == bindparam("server"),
        records.c.client_id == bindparam("client"),
        records.c.job_id == bindparam("job"),
        has_body,
    )
    .order_by(history.c.number)
)


def note(unit: Unit, row: Row[Any], event: EventName, *, replica: str | None, cause: Cause | None) -> None:
    """Write the line of an event of the job in `row`, unless it is one of those that come by the dozen."""
    if event not in KEPT_EVENTS:
        return
    if event is EventName.STARTED and row.attempt > KEPT_ATTEMPTS:
        old = {"record": row.id, "last_to_go": row.attempt - KEPT_ATTEMPTS}
        unit.connection.execute(_DROP_OLDEST, old)
    waits = row.status == Status.ACCEPTED and row.due_ms > unit.now_ms
    _write(unit, row, Happened(event.value), replica, cause, due_ms=row.due_ms if waits else None)


def note_intent(unit: Unit, row: Row[Any]) -> None:
    """Write that a cancel was asked for while the job in `row` runs."""
    _write(unit, row, Happened.CANCEL_ASKED, row.holder, None)


def history_of(unit: Unit, client_id: str, job_id: str) -> Sequence[HistoryEntry]:
    """The lines of one job of this client, oldest first."""
    asked = {"server": unit.server_id, "client": client_id, "job": job_id}
    return [_entry(row) for row in unit.connection.execute(_READ, asked)]


def _write(
    unit: Unit,
    row: Row[Any],
    happened: Happened,
    replica: str | None,
    cause: Cause | None,
    due_ms: int | None = None,
) -> None:
    told = {
        "server_id": unit.server_id,
        "record_id": row.id,
        "event": happened.value,
        "at_ms": unit.now_ms,
        "seq": row.seq,
        "attempt": row.attempt,
        "replica": replica,
        "why": None if cause is None else cause.why.value,
        "error_id": None if cause is None else cause.error_id,
        "due_ms": due_ms,
    }
    unit.connection.execute(_WRITE, told)


def _entry(row: Row[Any]) -> HistoryEntry:
    return HistoryEntry(
        event=Happened(row.event),
        at_ms=row.at_ms,
        seq=row.seq,
        attempt=row.attempt,
        replica=row.replica,
        why=None if row.why is None else Why(row.why),
        error_id=row.error_id,
        due_ms=row.due_ms,
    )
