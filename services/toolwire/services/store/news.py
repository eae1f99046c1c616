"""What becomes of records, written in the transaction that made it true: outbox rows and lines of history.

What a message keeps of its record is copied from there in the database: it never travels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Insert, Row, bindparam, delete, insert, select
from sqlalchemy.types import TypeEngine

from toolwire.contracts.encoding import canonical
from toolwire.contracts.history import KEPT_ATTEMPTS, KEPT_EVENTS
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.dialects import BIG, TEXT, given
from toolwire.services.store.port import Cause, Changed, Record
from toolwire.services.store.rows import Unit, message_of, record_of
from toolwire.services.store.schema import CHANGING, history, outbox, records
from toolwire.services.store.spelled import Spelled

_WRITER = ""


@dataclass(frozen=True, slots=True)
class News:
    """The event of a job, or the end of a call, whose record has just become `record`."""

    record_id: int
    record: Record
    event: EventName
    holder: str
    """Who sends what is written."""
    lease_ms: int
    answer: bool = False
    """Whether a call has its answer written; it has no events."""
    cause: Cause | None = None
    ran_by: str | None = _WRITER
    """Whose attempt it was, where that is another's than the holder's; None: nobody's."""
    pieces: str | None = None
    """Those of an output event, recorded elsewhere."""


_COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "record_id": BIG,
    "event": TEXT,
    "sender": TEXT,
    "sender_until_ms": BIG,
    "happened": TEXT,
    "replica": TEXT,
    "why": TEXT,
    "error_id": TEXT,
    "due_ms": BIG,
}


def _insert_lines(dialect: str) -> Insert:
    told = given(dialect, "told", _COLUMNS)
    moment = (records.c.server_id, records.c.id, records.c.seq, records.c.attempt)
    at_ms = bindparam("now_ms", type_=BIG).label("at_ms")
    lines = (
        select(*moment, at_ms, told.c.happened, told.c.replica, told.c.why, told.c.error_id, told.c.due_ms)
        .join_from(told, records, records.c.id == told.c.record_id)
        .where(told.c.happened.is_not(None))
    )
    names = ("server_id", "record_id", "seq", "attempt", "at_ms")
    return insert(history).from_select([*names, "event", "replica", "why", "error_id", "due_ms"], lines)


def _insert_messages(dialect: str) -> Insert:
    told = given(dialect, "told", _COLUMNS)
    rows = select(
        records.c.server_id,
        records.c.id,
        told.c.event,
        told.c.sender,
        told.c.sender_until_ms,
        *(records.c[name] for name in CHANGING),
    ).join_from(told, records, records.c.id == told.c.record_id)
    names = ["server_id", "record_id", "event", "sender", "sender_until_ms", *CHANGING]
    written = insert(outbox).from_select(names, rows)
    if dialect == "postgresql":
        # Both in one statement, which is one round trip.
        written = written.add_cte(_insert_lines(dialect).cte("lines"))
    return written.returning(outbox.c.number, outbox.c.record_id)


_LINES = Spelled(_insert_lines)
_MESSAGES = Spelled(_insert_messages)
_DROP_OLDEST = delete(history).where(
    history.c.record_id == bindparam("record"),
    history.c.attempt > 0,
    history.c.attempt <= bindparam("last_to_go"),
)


def tell(unit: Unit, row: Row[Any], event: EventName, *, holder: str, lease_ms: int, **more: Any) -> Changed:
    """Write the news of the record that has just become `row`; `more` is of `News`."""
    (changed,) = tell_all(unit, [News(row.id, record_of(row), event, holder, lease_ms, **more)])
    return changed


def tell_all(unit: Unit, news: Sequence[News]) -> list[Changed]:
    """Write the news of records, at most one of each, and say what is to be told of them."""
    numbers = _write(unit, [each for each in news if each.answer or each.record.kind == "job"])
    return [_changed(each, numbers.get(each.record_id)) for each in news]


def _changed(news: News, number: int | None) -> Changed:
    if number is None:
        return Changed(news.record)
    event = news.event.value if news.record.kind == "job" else None
    return Changed(news.record, (message_of(number, event, news.record, news.pieces),))


def _write(unit: Unit, news: Sequence[News]) -> dict[int, int]:
    """Write rows, and give the number of each in the outbox by the id of its record."""
    if not news:
        return {}
    for each in news:
        if each.event is EventName.STARTED and each.record.attempt > KEPT_ATTEMPTS:
            old = {"record": each.record_id, "last_to_go": each.record.attempt - KEPT_ATTEMPTS}
            unit.connection.execute(_DROP_OLDEST, old)
    values = {"rows": canonical([_row(unit, each) for each in news]), "now_ms": unit.now_ms}
    if unit.connection.dialect.name == "sqlite":
        _LINES.run(unit.connection, values)
    written = _MESSAGES.run(unit.connection, values).all()
    return {row.record_id: row.number for row in written}


def _row(unit: Unit, news: News) -> dict[str, object]:
    record, cause = news.record, news.cause
    is_job = record.kind == "job"
    waits = record.status is Status.ACCEPTED and record.due_ms > unit.now_ms
    return {
        "record_id": news.record_id,
        "event": news.event.value if is_job else None,
        "sender": news.holder,
        "sender_until_ms": unit.now_ms + news.lease_ms,
        "happened": news.event.value if is_job and news.event in KEPT_EVENTS else None,
        "replica": news.holder if news.ran_by == _WRITER else news.ran_by,
        "why": None if cause is None else cause.why.value,
        "error_id": None if cause is None else cause.error_id,
        "due_ms": record.due_ms if waits else None,
    }
