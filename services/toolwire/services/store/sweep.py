"""What nobody else will do: leases that ran out, deadlines that passed, records that are old.

Each step takes at most `limit` rows from an index, oldest first. The rows are locked first (those that
somebody else is changing are left for the next step), and the update repeats what made them fit.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Delete, Select, Text, Update, bindparam, case, delete, func, select, update

from toolwire.contracts.history import Why
from toolwire.contracts.jobs import Status, Trigger, step
from toolwire.services.store import output
from toolwire.services.store.dialects import BIG, insert_or_change
from toolwire.services.store.news import News, tell_all
from toolwire.services.store.port import Cause, Changed
from toolwire.services.store.rows import Unit, record_of
from toolwire.services.store.schema import (
    has_body,
    history,
    is_held,
    is_open,
    is_over,
    is_tombstone,
    outbox,
    records,
    roles,
)
from toolwire.services.store.transitions import NOBODY, allowed, moved, target, told_as

_of_this_server = records.c.server_id == bindparam("server")
_these = records.c.id.in_(bindparam("ids", expanding=True))

# While the sweep had to wait for the store, nobody else could renew a lease either.
_ran_out = records.c.lease_until_ms <= bindparam("ran_out_by_ms")
_lost = (_of_this_server, is_held, _ran_out, allowed(Trigger.RETRY))
_why, _now = bindparam("why", type_=Text), bindparam("now_ms", type_=BIG)
_cancelled = records.c.cancel.is_not(None)
_may_run_again = records.c.attempt < records.c.max_attempts
_FIND_LOST = select(records.c.id, records.c.holder).where(*_lost).order_by(records.c.lease_until_ms)
_SETTLE_LOST = moved(
    status=case(
        (_cancelled, target(Trigger.CANCEL).value),
        (_may_run_again, target(Trigger.RETRY).value),
        else_=target(Trigger.FAIL).value,
    ),
    error=case((_cancelled, records.c.cancel), (_may_run_again, None), else_=_why),
    ended_ms=case((~_cancelled & _may_run_again, None), else_=_now),
    **NOBODY,
).where(_these, *_lost)
_TOLD_OF_LOST = dict(
    step(Status.RUNNING, trigger) for trigger in (Trigger.CANCEL, Trigger.RETRY, Trigger.FAIL)
)

_expired = (_of_this_server, is_open, records.c.deadline_ms <= bindparam("now_ms"), allowed(Trigger.EXPIRE))
_FIND_EXPIRED = select(records.c.id, records.c.holder).where(*_expired).order_by(records.c.deadline_ms)
_SETTLE_EXPIRED = moved(
    status=target(Trigger.EXPIRE).value, error=bindparam("why"), ended_ms=bindparam("now_ms"), **NOBODY
).where(_these, *_expired)

_all_told = ~select(outbox.c.number).where(outbox.c.record_id == records.c.id).exists()
_old = (_of_this_server, is_over, has_body, records.c.ended_ms <= bindparam("ended_by_ms"), _all_told)
_FIND_OLD = select(records.c.id, records.c.holder).where(*_old).order_by(records.c.ended_ms)
_LEAVE = update(records).where(_these, *_old).values(ended_ms=output.LEAVING)
_DROP_HISTORY = delete(history).where(history.c.record_id.in_(bindparam("ids", expanding=True)))
_DROP_BODY = (
    update(records)
    .where(_these, *_old)
    .values(
        args="",
        trace=None,
        progress=None,
        question=None,
        checkpoint=None,
        answers=None,
        result=None,
        error=None,
        forgotten_ms=bindparam("now_ms"),
    )
)
_stale = (_of_this_server, is_tombstone, records.c.keep_until_ms <= bindparam("due_by_ms"))
_FIND_STALE = select(records.c.id, records.c.holder).where(*_stale).order_by(records.c.keep_until_ms)
_DROP_RECORD = delete(records).where(_these, *_stale)

_RUNNING = select(func.count()).where(_of_this_server, is_held, records.c.holder == bindparam("by"))


def lead(unit: Unit, role: str, *, holder: str, lease_ms: int) -> bool:
    """Take or keep a role."""
    wanted = {
        "server_id": unit.server_id,
        "role": role,
        "holder": holder,
        "lease_until_ms": unit.now_ms + lease_ms,
    }
    take = insert_or_change(
        unit.connection.dialect.name,
        roles,
        ["server_id", "role"],
        {"holder": holder, "lease_until_ms": wanted["lease_until_ms"]},
        where=(roles.c.holder == holder) | (roles.c.lease_until_ms <= unit.now_ms),
    )
    return unit.connection.execute(take.returning(roles.c.holder), wanted).one_or_none() is not None


def settle_lost(unit: Unit, *, interrupted: str, holder: str, lease_ms: int, limit: int) -> Sequence[Changed]:
    """Settle what ran under leases that have run out."""
    lost = _lock(unit, _FIND_LOST, limit, ran_out_by_ms=unit.asked_ms)
    found = _on(unit, lost, why=interrupted, ran_out_by_ms=unit.asked_ms)
    rows = unit.connection.execute(_SETTLE_LOST, found).all()
    settled = [(row, record_of(row)) for row in rows]
    return tell_all(
        unit,
        [
            News(
                row.id,
                record,
                _TOLD_OF_LOST[record.status],
                holder,
                lease_ms,
                answer=record.status.final,
                cause=Cause(Why.LEASE_LOST),
                ran_by=lost[row.id],
            )
            for row, record in settled
        ],
    )


def settle_expired(unit: Unit, *, expired: str, holder: str, lease_ms: int, limit: int) -> Sequence[Changed]:
    """End what is past its deadline."""
    late = _lock(unit, _FIND_EXPIRED, limit, now_ms=unit.now_ms)
    rows = unit.connection.execute(_SETTLE_EXPIRED, _on(unit, late, why=expired)).all()
    return tell_all(
        unit,
        [
            News(
                row.id,
                record_of(row),
                told_as(Trigger.EXPIRE),
                holder,
                lease_ms,
                answer=True,
                cause=Cause(Why.DEADLINE),
                ran_by=late[row.id],
            )
            for row in rows
        ],
    )


def forget(unit: Unit, *, result_ttl_ms: int, skew_ms: int, limit: int) -> int:
    """Drop old bodies, then, with what is left of the limit, tombstones that no replay can reach any more.

    What a job put out may be a hundred thousand rows: it leaves before the body, step by step.
    """
    ended_by_ms, due_by_ms = unit.now_ms - result_ttl_ms, unit.now_ms - 2 * skew_ms
    bodies = _lock(unit, _FIND_OLD, limit, ended_by_ms=ended_by_ms)
    pieces = output.drop(unit, bodies, limit)
    if pieces == limit:
        _change(unit, _LEAVE, bodies, ended_by_ms=ended_by_ms)
        return pieces
    _change(unit, _DROP_HISTORY, bodies)
    _change(unit, _DROP_BODY, bodies, ended_by_ms=ended_by_ms)
    stale = _lock(unit, _FIND_STALE, limit - len(bodies), due_by_ms=due_by_ms)
    _change(unit, _DROP_RECORD, stale, due_by_ms=due_by_ms)
    return pieces + len(bodies) + len(stale)


def running(unit: Unit, holder: str) -> int:
    """How many records this holder has under a lease."""
    return unit.connection.execute(_RUNNING, {"server": unit.server_id, "by": holder}).scalar_one()


def _lock(unit: Unit, find: Select[int, str | None], limit: int, **bounds: int) -> Mapping[int, str | None]:
    """The ids of the first rows that fit, locked for this transaction, and who holds each."""
    locked = find.limit(bindparam("at_most")).with_for_update(skip_locked=True)
    rows = unit.connection.execute(locked, {"server": unit.server_id, "at_most": limit, **bounds})
    return {row.id: row.holder for row in rows}


def _on(unit: Unit, ids: Collection[int], **more: object) -> dict[str, object]:
    return {"server": unit.server_id, "now_ms": unit.now_ms, "ids": list(ids), **more}


def _change(unit: Unit, statement: Update | Delete, ids: Collection[int], **bounds: int) -> None:
    if ids:
        unit.connection.execute(statement, _on(unit, ids, **bounds))
