"""Claims: the first to insert a record decides what its request means; all others are given that record."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Executable, Text, bindparam, case, select, true, update

from toolwire.contracts.encoding import canonical
from toolwire.contracts.jobs import Status, Trigger, step
from toolwire.services.failpoints import reach
from toolwire.services.store.dialects import BIG, given, insert_new
from toolwire.services.store.news import News, tell_all
from toolwire.services.store.port import Address, Changed, NewRecord, Record, RecordKey
from toolwire.services.store.rows import BORN_COLUMNS, Unit, columns_of, newborn, record_of
from toolwire.services.store.schema import records
from toolwire.services.store.spelled import Spelled

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

_ACCEPTED = step(None, Trigger.ACCEPT).event


def _insertion(dialect: str) -> Executable:
    born = given(dialect, "born", {column.name: column.type for column in BORN_COLUMNS})
    rows = select(*born.c)
    if dialect == "sqlite":
        rows = rows.where(true())  # or it would take ON CONFLICT for the condition of a join
    unique = ["server_id", "client_id", "request_id"]
    inserted = insert_new(dialect, records, unique, rows, [column.name for column in BORN_COLUMNS])
    return inserted.returning(records.c.id, records.c.client_id, records.c.request_id)


_INSERT = Spelled(_insertion)


def find(unit: Unit, key: RecordKey) -> Record | None:
    """The record of a request."""
    row = unit.connection.execute(_FIND, _named(unit, key)).one_or_none()
    return None if row is None else record_of(row)


@dataclass(frozen=True, slots=True)
class Birth:
    """A request to insert: under a token it runs from now on, without one it waits to be taken."""

    new: NewRecord
    token: str | None
    holder: str
    lease_ms: int


def insert_all(unit: Unit, births: Sequence[Birth]) -> list[Changed | Record]:
    """Insert claims and jobs; where another was there first, give that one's record."""
    first: dict[RecordKey, Birth] = {}
    for birth in births:  # in their order, which is that of their age
        first.setdefault(birth.new.key, birth)
    born = {birth.new.key: changed for birth, changed in _insert(unit, list(first.values()))}
    return [
        born[birth.new.key]
        if first[birth.new.key] is birth and birth.new.key in born
        else _there(unit, birth)
        for birth in births
    ]


def _there(unit: Unit, birth: Birth) -> Changed | Record:
    """The record that was there first."""
    while True:
        if (found := find(unit, birth.new.key)) is not None:
            return found
        # It was there when we came and was forgotten before we looked: the place is free now.
        for _, changed in _insert(unit, [birth]):
            return changed


def _insert(unit: Unit, births: Sequence[Birth]) -> list[tuple[Birth, Changed]]:
    """Those that were new, and what they have become."""
    born = {birth.new.key: _born(unit, birth) for birth in births}
    rows = canonical([columns_of(unit.server_id, record) for record in born.values()])
    ids = {
        RecordKey(row.client_id, row.request_id): row.id
        for row in _INSERT.run(unit.connection, {"rows": rows}).all()
    }
    new = [birth for birth in births if birth.new.key in ids]
    news = [
        News(ids[birth.new.key], born[birth.new.key], _ACCEPTED, birth.holder, birth.lease_ms)
        for birth in new
    ]
    told = list(zip(new, tell_all(unit, news), strict=True))
    for birth in new:
        reach("claim.written" if birth.new.kind == "call" else "accept.written")
    return told


def _born(unit: Unit, birth: Birth) -> Record:
    if birth.token is None:
        return newborn(birth.new, unit.now_ms, status=step(None, Trigger.ACCEPT).status, seq=1)
    return newborn(
        birth.new,
        unit.now_ms,
        status=Status.RUNNING,
        attempt=1,
        started_ms=unit.now_ms,
        token=birth.token,
        holder=birth.holder,
        lease_until_ms=unit.now_ms + birth.lease_ms,
    )


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


def _named(unit: Unit, key: RecordKey) -> dict[str, object]:
    return {"server": unit.server_id, "client": key.client_id, "request": key.request_id}
