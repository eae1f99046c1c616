"""The history of jobs, which `news` writes in the transaction that made it true.

A job whose tool may start very often keeps its newest attempts: the rows of one job are bounded, and so is
what its end has to clear away.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, insert, select

from toolwire.contracts.history import Happened, HistoryEntry, Why
from toolwire.services.store.rows import Unit
from toolwire.services.store.schema import has_body, history, records

_WRITE = insert(history).inline()
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


def note_intent(unit: Unit, row: Row[Any]) -> None:
    """Write that a cancel was asked for while the job in `row` runs."""
    told = {
        "server_id": unit.server_id,
        "record_id": row.id,
        "event": Happened.CANCEL_ASKED.value,
        "at_ms": unit.now_ms,
        "seq": row.seq,
        "attempt": row.attempt,
        "replica": row.holder,
    }
    unit.connection.execute(_WRITE, told)


def history_of(unit: Unit, client_id: str, job_id: str) -> Sequence[HistoryEntry]:
    """The lines of one job of this client, oldest first."""
    asked = {"server": unit.server_id, "client": client_id, "job": job_id}
    return [_entry(row) for row in unit.connection.execute(_READ, asked)]


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
