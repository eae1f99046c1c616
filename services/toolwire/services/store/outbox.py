"""The outbox: what is to be told, which `news` writes in the transaction that made it true.

A row keeps what changes of its record as it stood; what never changes, the address, and the result (which
is written once, at the end) are read from the record when the row is sent, and the pieces of an output event
from where they are kept. So an answer or event that was not sent yet goes where the client is *now*, and a
row stays small. `forget` leaves a record alone while a row of it stands.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Delete, Row, bindparam, delete, select, update

from toolwire.contracts.encoding import canonical
from toolwire.contracts.jobs import EventName
from toolwire.services.store.dialects import among, insert_or_change
from toolwire.services.store.port import Message
from toolwire.services.store.rows import Unit, message_of, record_of
from toolwire.services.store.schema import CHANGING, outbox, output, records, roles
from toolwire.services.store.spelled import Spelled

MOST_PIECES = 16 * 1024 * 1024
"""How many characters of output are handed out at once, or one event's if that has more."""

_QUEUE = "unsent"  # the row of `roles` that hands out one at a time


def _settle(dialect: str) -> Delete:
    return delete(outbox).where(
        outbox.c.server_id == bindparam("server"), among(dialect, outbox.c.number, "numbers")
    )


_SETTLE = Spelled(_settle)
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
        outbox.c.record_id,
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

_PIECES = select(output.c.pieces).where(
    output.c.record_id == bindparam("record"), output.c.seq == bindparam("its_seq")
)


def sent_all(unit: Unit, settled: Sequence[Collection[int]]) -> list[None]:
    """Take settled rows out."""
    numbers = [number for some in settled for number in some]
    _SETTLE.run(unit.connection, {"server": unit.server_id, "numbers": canonical(numbers)})
    return [None] * len(settled)


def unsent(unit: Unit, *, holder: str, lease_ms: int, limit: int) -> Sequence[Message]:
    """Lease the oldest rows whose sender's lease has run out, but none behind a row of the same record that
    somebody is sending now.
    """
    _one_at_a_time(unit)
    asked = {"server": unit.server_id, "now_ms": unit.now_ms, "at_most": limit}
    found = _read(unit, unit.connection.execute(_UNSENT, asked).all())
    if found:
        numbers = [message.number for message in found]
        leased = {"numbers": numbers, "by": holder, "until_ms": unit.now_ms + lease_ms}
        unit.connection.execute(_LEASE, {"server": unit.server_id, **leased})
    return found


def _read(unit: Unit, rows: Sequence[Row[Any]]) -> list[Message]:
    """The messages of these rows, the first of them where there is too much output to hold."""
    messages: list[Message] = []
    size = 0
    for row in rows:
        pieces = _pieces(unit, row) if row.event == EventName.OUTPUT else None
        size += len(pieces or "")
        if messages and size > MOST_PIECES:
            break
        messages.append(message_of(row.number, row.event, record_of(row), pieces))
    return messages


def _pieces(unit: Unit, row: Row[Any]) -> str | None:
    which = {"record": row.record_id, "its_seq": row.seq}
    return unit.connection.execute(_PIECES, which).scalar_one_or_none()


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
