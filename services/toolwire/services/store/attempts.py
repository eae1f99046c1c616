"""What the holder of a token may do: renew it, tell how far it is, and end the attempt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, Update, and_, bindparam, case, func, or_, select, update

from toolwire.contracts.encoding import canonical
from toolwire.contracts.jobs import Status, Trigger
from toolwire.services.failpoints import reach
from toolwire.services.store.dialects import BIG, TEXT, given
from toolwire.services.store.news import News, tell, tell_all
from toolwire.services.store.port import Cause, Changed, Lease, Outcome
from toolwire.services.store.rows import Unit, record_of
from toolwire.services.store.schema import records
from toolwire.services.store.spelled import Spelled
from toolwire.services.store.transitions import NOBODY, allowed, held, moved, target, told_as

_TRIGGERS = {Status.DONE: Trigger.SUCCEED, Status.ERROR: Trigger.FAIL, Status.CANCELLED: Trigger.CANCEL}

_RENEW = (
    update(records)
    .where(
        records.c.server_id == bindparam("server"),
        records.c.token.in_(bindparam("tokens", expanding=True)),
    )
    .values(lease_until_ms=bindparam("until_ms"))
    .returning(records.c.token, records.c.cancel)
)
_PROGRESS = moved(progress=bindparam("how_far")).where(held(Trigger.PROGRESS))


def _finish(dialect: str) -> Update:
    names = ("held", "status", "result", "error", "progress")
    ended = given(dialect, "ended", {"id": BIG, **dict.fromkeys(names, TEXT)})
    may_end = or_(
        *(and_(ended.c.status == status.value, allowed(trigger)) for status, trigger in _TRIGGERS.items())
    )
    finished = moved(
        status=ended.c.status,
        result=ended.c.result,
        error=ended.c.error,
        progress=func.coalesce(ended.c.progress, records.c.progress),
        ended_ms=bindparam("now_ms"),
        **NOBODY,
    ).where(records.c.token == ended.c.held, may_end)
    if dialect == "sqlite":
        # It can return nothing but the changed table's columns, as they have become, and where it may search
        # by token it goes through all that is held instead of what is given: so `_HELD` looks first.
        return finished.where(records.c.id == ended.c.id)
    return finished.where(records.c.server_id == bindparam("server")).returning(ended.c.held)


def _held_by(dialect: str) -> Select[int, str | None]:
    asked = given(dialect, "asked", {"held": TEXT})
    return select(records.c.id, records.c.token).where(
        records.c.server_id == bindparam("server"), records.c.token.in_(select(asked.c.held))
    )


_FINISH = Spelled(_finish)
_HELD = Spelled(_held_by)
_now, _delay = bindparam("now_ms", type_=BIG), bindparam("delay_ms", type_=BIG)
_cancelled = records.c.cancel.is_not(None)
_RETRY = moved(
    # Who waits for a cancel must not be taken once more.
    status=case((_cancelled, target(Trigger.CANCEL).value), else_=target(Trigger.RETRY).value),
    error=records.c.cancel,
    ended_ms=case((_cancelled, _now), else_=None),
    # Without a delay it keeps its age, and with that its place in the queue.
    due_ms=case((_delay > 0, _now + _delay), else_=records.c.due_ms),
    **NOBODY,
).where(held(Trigger.RETRY))


def renew(unit: Unit, tokens: Collection[str], *, lease_ms: int) -> Mapping[str, Lease]:
    """Push leases on. One that has run out still holds, as long as no sweep has settled it."""
    asked = {"server": unit.server_id, "tokens": sorted(tokens), "until_ms": unit.now_ms + lease_ms}
    rows = unit.connection.execute(_RENEW, asked).all()
    return {row.token: Lease(cancel_requested=row.cancel is not None) for row in rows}


def progress(unit: Unit, token: str, how_far: str, *, holder: str, lease_ms: int) -> Changed | None:
    """Record how far the job is."""
    row = unit.connection.execute(_PROGRESS, {**_held(unit, token), "how_far": how_far}).one_or_none()
    if row is None:
        return None
    return tell(unit, row, told_as(Trigger.PROGRESS), holder=holder, lease_ms=lease_ms)


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an attempt under a token."""

    token: str
    outcome: Outcome
    how_far: str | None
    answer: bool
    holder: str
    lease_ms: int


def finish_all(unit: Unit, ends: Sequence[Finish]) -> list[Changed | None]:
    """Record outcomes."""
    rows = _finished_rows(unit, [_ending(end) for end in ends])
    news = [
        News(
            row.id,
            record_of(row),
            told_as(_TRIGGERS[end.outcome.status]),
            end.holder,
            end.lease_ms,
            answer=end.answer,
            cause=end.outcome.cause,
        )
        for end, row in zip(ends, rows, strict=True)
        if row is not None
    ]
    told = iter(tell_all(unit, news))
    reach("record.written", times=len(news))
    return [None if row is None else next(told) for row in rows]


def retry(
    unit: Unit, token: str, *, delay_ms: int, holder: str, lease_ms: int, cause: Cause | None
) -> Changed | None:
    """Put the record back; it is cancelled instead where that was asked for."""
    row = unit.connection.execute(_RETRY, {**_held(unit, token), "delay_ms": delay_ms}).one_or_none()
    if row is None:
        return None
    trigger = Trigger.RETRY if row.cancel is None else Trigger.CANCEL
    return tell(unit, row, told_as(trigger), holder=holder, lease_ms=lease_ms, cause=cause)


def _ending(end: Finish) -> dict[str, object]:
    outcome = end.outcome
    return {
        "held": end.token,
        "status": outcome.status.value,
        "result": outcome.result,
        "error": outcome.error,
        "progress": end.how_far,
    }


def _finished_rows(unit: Unit, asked: Sequence[Mapping[str, object]]) -> list[Row[Any] | None]:
    """What has become of the record that each asks for by its token; None where that is lost."""
    first: dict[object, Mapping[str, object]] = {}
    for each in asked:
        first.setdefault(each["held"], each)  # a token can be given up once
    if unit.connection.dialect.name == "sqlite":
        values = {"server": unit.server_id, "rows": canonical([{"held": token} for token in first])}
        tokens = {row.id: row.token for row in _HELD.run(unit.connection, values).all()}
        there = [{**first[token], "id": id_} for id_, token in tokens.items()]
        finished = {tokens[row.id]: row for row in _finished(unit, there)}
    else:
        finished = {row.held: row for row in _finished(unit, list(first.values()))}
    return [finished.pop(each["held"], None) for each in asked]


def _finished(unit: Unit, rows: Sequence[Mapping[str, object]]) -> Sequence[Row[Any]]:
    values = {"server": unit.server_id, "now_ms": unit.now_ms, "rows": canonical(rows)}
    return _FINISH.run(unit.connection, values).all()


def _held(unit: Unit, token: str) -> dict[str, object]:
    return {"server": unit.server_id, "held_token": token, "now_ms": unit.now_ms}
