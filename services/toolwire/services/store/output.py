"""What jobs put out: written with the event that tells of it, read by their clients, dropped with the body.

The outbox row of an output event does not repeat the pieces: they are read from here when it is sent.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import bindparam, delete, insert, or_, select

from toolwire.contracts.jobs import Trigger
from toolwire.services.store.news import tell
from toolwire.services.store.port import Changed, Emitted, Outputs
from toolwire.services.store.rows import Unit
from toolwire.services.store.schema import has_body, is_open, output, records
from toolwire.services.store.transitions import held, moved, told_as

LEAVING = 0
"""The `ended_ms` of a record whose output is being dropped: what is left of that is told to nobody."""

_READ_AT_ONCE = 8
"""A row may be as large as a message: more are not read than it takes to fill one, or hardly."""

_EMIT = moved().where(held(Trigger.EMIT), records.c.seq == bindparam("follows"))
_WRITE = insert(output).inline()
_JOB = select(records.c.id, records.c.seq).where(
    records.c.server_id == bindparam("server"),
    records.c.client_id == bindparam("client"),
    records.c.job_id == bindparam("job"),
    has_body,
    or_(is_open, records.c.ended_ms > LEAVING),
)
_NEXT = (
    select(output.c.seq, output.c.attempt, output.c.pieces)
    .where(output.c.record_id == bindparam("record"), output.c.seq > bindparam("after"))
    .order_by(output.c.seq)
    .limit(_READ_AT_ONCE)
)
_DROP = delete(output).where(
    output.c.number.in_(
        select(output.c.number)
        .where(output.c.record_id.in_(bindparam("ids", expanding=True)))
        .order_by(output.c.record_id, output.c.seq)
        .limit(bindparam("at_most"))
    )
)


def emit(unit: Unit, token: str, pieces: str, *, after: int, holder: str, lease_ms: int) -> Changed | None:
    """Record pieces and the event that tells of them, right after the event number `after`."""
    which = {"server": unit.server_id, "held_token": token, "now_ms": unit.now_ms, "follows": after}
    row = unit.connection.execute(_EMIT, which).one_or_none()
    if row is None:
        return None
    put = {"server_id": unit.server_id, "record_id": row.id, "seq": row.seq, "attempt": row.attempt}
    unit.connection.execute(_WRITE, {**put, "pieces": pieces})
    return tell(unit, row, told_as(Trigger.EMIT), holder=holder, lease_ms=lease_ms, pieces=pieces)


def outputs(
    unit: Unit, client_id: str, job_id: str, *, after: int, limit: int, most_bytes: int
) -> Outputs | None:
    """What one job of this client put out after an event, as much as is asked for, but something if any."""
    asked = {"server": unit.server_id, "client": client_id, "job": job_id}
    # The record first: all that it had told by then is there when the rows are read.
    job = unit.connection.execute(_JOB, asked).one_or_none()
    if job is None:
        return None
    found: list[Emitted] = []
    size = 0
    for emitted in _rows(unit, job.id, after):
        size += len(emitted.pieces.encode())
        if found and (size > most_bytes or len(found) == limit):
            return Outputs(job.seq, tuple(found), more=True)
        found.append(emitted)
    return Outputs(job.seq, tuple(found), more=False)


def drop(unit: Unit, ids: Collection[int], limit: int) -> int:
    """Drop output of these records, at most so many rows, and say how many went."""
    if not ids:
        return 0
    return unit.connection.execute(_DROP, {"ids": list(ids), "at_most": limit}).rowcount


def _rows(unit: Unit, record_id: int, after: int) -> Iterator[Emitted]:
    while rows := unit.connection.execute(_NEXT, {"record": record_id, "after": after}).all():
        for row in rows:
            yield Emitted(row.seq, row.attempt, row.pieces)
        after = rows[-1].seq
