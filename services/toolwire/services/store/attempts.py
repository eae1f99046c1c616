"""What the holder of a token may do: renew it, tell how far it is, and end the attempt."""

from collections.abc import Collection, Mapping

from sqlalchemy import Text, bindparam, case, func, update

from toolwire.contracts.jobs import Status, Trigger
from toolwire.services.failpoints import reach
from toolwire.services.store.dialects import BIG
from toolwire.services.store.outbox import tell
from toolwire.services.store.port import Cause, Changed, Lease, Outcome
from toolwire.services.store.rows import Unit
from toolwire.services.store.schema import records
from toolwire.services.store.transitions import NOBODY, held, moved, target, told_as

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
_FINISH = {
    status: moved(
        status=status.value,
        result=bindparam("its_result"),
        error=bindparam("its_error"),
        progress=func.coalesce(bindparam("how_far", type_=Text), records.c.progress),
        ended_ms=bindparam("now_ms"),
        **NOBODY,
    ).where(held(trigger))
    for status, trigger in _TRIGGERS.items()
}
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


def finish(
    unit: Unit, token: str, outcome: Outcome, *, how_far: str | None, answer: bool, holder: str, lease_ms: int
) -> Changed | None:
    """Record the outcome."""
    ending = {"its_result": outcome.result, "its_error": outcome.error, "how_far": how_far}
    row = unit.connection.execute(_FINISH[outcome.status], {**_held(unit, token), **ending}).one_or_none()
    if row is None:
        return None
    event = told_as(_TRIGGERS[outcome.status])
    ended = tell(unit, row, event, holder=holder, lease_ms=lease_ms, answer=answer, cause=outcome.cause)
    reach("record.written")
    return ended


def retry(
    unit: Unit, token: str, *, delay_ms: int, holder: str, lease_ms: int, cause: Cause | None
) -> Changed | None:
    """Put the record back; it is cancelled instead where that was asked for."""
    row = unit.connection.execute(_RETRY, {**_held(unit, token), "delay_ms": delay_ms}).one_or_none()
    if row is None:
        return None
    trigger = Trigger.RETRY if row.cancel is None else Trigger.CANCEL
    return tell(unit, row, told_as(trigger), holder=holder, lease_ms=lease_ms, cause=cause)


def _held(unit: Unit, token: str) -> dict[str, object]:
    return {"server": unit.server_id, "held_token": token, "now_ms": unit.now_ms}
