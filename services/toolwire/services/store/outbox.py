"""The outbox: what is to be told, written in the transaction that made it true.

A row keeps what changes of its record as it stood; what never changes, the address, and the result (which
is written once, at the end) are read from the record when the row is sent. So an answer or event that was
not sent yet goes where the client is *now*, and a row stays small. `forget` leaves a record alone while a
row of it stands.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from toolwire.contracts.jobs import EventName
from toolwire.services.store.dialects import insert_or_change
from toolwire.services.store.history import note
from toolwire.services.store.port import Cause, Changed, Message
from toolwire.services.store.rows import Unit, message_of, record_of
from toolwire.services.store.schema import CHANGING, outbox, records, roles

_SENDER = ""
_QUEUE = "unsent"  # the row of `roles` that hands out one at a time
_WRITE = insert(outbox).returning(outbox.c.number)
_SETTLE = delete(outbox).where(
    outbox.c.server_id == bindparam("server"), outbox.c.number.in_(bindparam("numbers", expanding=True))
)
_LEASE = (
    update(outbox)
    .where(
        outbox.c.server_id == bindparam("server"), outbox.c.number.in_(bindparam("numbers", expanding=True))
    )
    .values(sender=bindparam("by"), sender_until_ms=bindparam("until_ms"))
)
_earlier = outbox.alias("earlier")
_UNSENT = (
    select(
        outbox.c.number,
        outbox.c.event,
        *(outbox.c[name] for name in CHANGING),
        *(column for column in records.c if column.name not in CHANGING),
    )
    .join(records, records.c.id == outbox.c.record_id)
    .where(
        outbox.c.server_id == bindparam("server"),
        outbox.c.sender_until_ms <= bindparam("now_ms"),
        ~select(_earlier.c.number)
        .where(
            _earlier.c.record_id == outbox.c.record_id,
            _earlier.c.number < outbox.c.number,
            _earlier.c.sender_until_ms > bindparam("now_ms"),
        )
        .exists(),
    )
    .order_by(outbox.c.number)
    .limit(bindparam("at_most"))
)


def tell(
    unit: Unit,
    row: Row[Any],
    event: EventName,
    *,
    holder: str,
    lease_ms: int,
    answer: bool = False,
    cause: Cause | None = None,
    ran_by: str | None = _SENDER,
) -> Changed:
    """Write the event of a job whose record has just become `row`, and its line in the job's history.

    A call has its answer only, if wanted. `holder` sends what is written. `ran_by`: whose attempt it was,
    where that is another's; None: nobody's.
    """
    record = record_of(row)
    if record.kind == "job":
        note(unit, row, event, replica=holder if ran_by == _SENDER else ran_by, cause=cause)
    if record.kind == "call" and not answer:
        return Changed(record)
    name = event.value if record.kind == "job" else None
    moment = {column: getattr(row, column) for column in CHANGING}
    sending = {"sender": holder, "sender_until_ms": unit.now_ms + lease_ms}
    written = {"server_id": unit.server_id, "record_id": row.id, "event": name, **sending, **moment}
    number = unit.connection.execute(_WRITE, written).scalar_one()
    return Changed(record, (message_of(number, name, record),))


def sent(unit: Unit, numbers: Collection[int]) -> None:
    """Take settled rows out."""
    unit.connection.execute(_SETTLE, {"server": unit.server_id, "numbers": list(numbers)})


def unsent(unit: Unit, *, holder: str, lease_ms: int, limit: int) -> Sequence[Message]:
    """Lease the oldest rows whose sender's lease has run out, but none behind a row of the same record that
    somebody is sending now.
    """
    _one_at_a_time(unit)
    asked = {"server": unit.server_id, "now_ms": unit.now_ms, "at_most": limit}
    rows = unit.connection.execute(_UNSENT, asked).all()
    if rows:
        leased = {"numbers": [row.number for row in rows], "by": holder, "until_ms": unit.now_ms + lease_ms}
        unit.connection.execute(_LEASE, {"server": unit.server_id, **leased})
    return [message_of(row.number, row.event, record_of(row)) for row in rows]


def _one_at_a_time(unit: Unit) -> None:
    """Make a second sweeper wait here until the first has committed, so that it sees what that one leased."""
    mine = {"server_id": unit.server_id, "role": _QUEUE, "holder": "", "lease_until_ms": 0}
    turn = insert_or_change(
        unit.connection.dialect.name,
        roles,
        ["server_id", "role"],
        {"lease_until_ms": roles.c.lease_until_ms},
        where=roles.c.role == _QUEUE,
    )
    unit.connection.execute(turn, mine)
