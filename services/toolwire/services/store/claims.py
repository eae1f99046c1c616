"""Claims: the first to insert a record decides what its request means; all others are given that record."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Text, bindparam, case, select, update
from sqlalchemy.sql.dml import ReturningInsert

from toolwire.contracts.jobs import Status, Trigger, step
from toolwire.services.failpoints import reach
from toolwire.services.store.dialects import BIG, insert_new
from toolwire.services.store.outbox import tell
from toolwire.services.store.port import Address, Changed, NewRecord, Record, RecordKey
from toolwire.services.store.rows import Unit, columns_of, record_of
from toolwire.services.store.schema import records

_by_key = (
    records.c.server_id == bindparam("server"),
    records.c.client_id == bindparam("client"),
    records.c.request_id == bindparam("request"),
)
_FIND = select(*records.c).where(*_by_key)
_asked = bindparam("asked", type_=BIG)
_until = bindparam("until", type_=BIG)
_is_newest = records.c.asked_ms <= _asked
_READDRESS = (
    update(records)
    .where(*_by_key)
    .values(
        reply_to=case((_is_newest, bindparam("to", type_=Text())), else_=records.c.reply_to),
        request_digest=case((_is_newest, bindparam("digest", type_=Text())), else_=records.c.request_digest),
        kid=case((_is_newest, bindparam("key", type_=Text())), else_=records.c.kid),
        asked_ms=case((_is_newest, _asked), else_=records.c.asked_ms),
        keep_until_ms=case((records.c.keep_until_ms < _until, _until), else_=records.c.keep_until_ms),
    )
    .returning(*records.c)
)


def find(unit: Unit, key: RecordKey) -> Record | None:
    """The record of a request."""
    row = unit.connection.execute(_FIND, _named(unit, key)).one_or_none()
    return None if row is None else record_of(row)


def claim(unit: Unit, new: NewRecord, *, token: str, holder: str, lease_ms: int) -> Changed | Record:
    """Insert a call that runs from now on, under `token`."""
    lease = {"token": token, "holder": holder, "lease_until_ms": unit.now_ms + lease_ms}
    running = {"status": Status.RUNNING.value, "attempt": 1, "seq": 0, "started_ms": unit.now_ms}
    return _insert(unit, new, {**running, **lease}, holder=holder, lease_ms=lease_ms)


def accept(unit: Unit, new: NewRecord, *, holder: str, lease_ms: int) -> Changed | Record:
    """Insert a job that waits to be taken."""
    waiting = {"status": step(None, Trigger.ACCEPT).status.value, "attempt": 0, "seq": 1}
    return _insert(unit, new, waiting, holder=holder, lease_ms=lease_ms)


def readdress(unit: Unit, key: RecordKey, address: Address, *, deadline_ms: int) -> Record | None:
    """Point a record at its newest attempt. Not a transition: neither `seq` nor `updated_ms` changes."""
    attempt = {
        "to": address.reply_to,
        "digest": address.request_digest,
        "key": address.kid,
        "asked": address.asked_ms,
        "until": deadline_ms,
    }
    row = unit.connection.execute(_READDRESS, {**_named(unit, key), **attempt}).one_or_none()
    return None if row is None else record_of(row)


def _insert(
    unit: Unit, new: NewRecord, born: Mapping[str, object], *, holder: str, lease_ms: int
) -> Changed | Record:
    insert = _insertion(unit.connection.dialect.name)
    values = {**columns_of(new, unit), **born}
    while True:
        row = unit.connection.execute(insert, values).one_or_none()
        if row is not None:
            born_as = tell(unit, row, step(None, Trigger.ACCEPT).event, holder=holder, lease_ms=lease_ms)
            reach("claim.written" if new.kind == "call" else "accept.written")
            return born_as
        if (first := find(unit, new.key)) is not None:
            return first
        # It was there when we came and was forgotten before we looked: the place is free now.


@cache
def _insertion(dialect: str) -> ReturningInsert[Any]:
    return insert_new(dialect, records, ["server_id", "client_id", "request_id"]).returning(*records.c)


def _named(unit: Unit, key: RecordKey) -> dict[str, object]:
    return {"server": unit.server_id, "client": key.client_id, "request": key.request_id}
