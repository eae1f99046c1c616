"""What lets a job wait for its owner: what its tool saved, the question that parks it, and the answer."""

import json

from sqlalchemy import Text, bindparam, case, func, select, update

from toolwire.contracts.encoding import canonical
from toolwire.contracts.jobs import Trigger
from toolwire.services.store.dialects import BIG
from toolwire.services.store.news import tell
from toolwire.services.store.port import Changed, Record
from toolwire.services.store.rows import Unit, record_of
from toolwire.services.store.schema import records
from toolwire.services.store.transitions import NOBODY, allowed, held, moved, target, told_as

# Neither an event nor a change of the snapshot, so `seq` and `updated_ms` stay.
_SAVE = update(records).where(held(Trigger.ASK)).values(checkpoint=bindparam("saved")).returning(records.c.id)

_cancelled = records.c.cancel.is_not(None)
_PARK = moved(
    # Who waits for a cancel must not be asked anything.
    status=case((_cancelled, target(Trigger.CANCEL).value), else_=target(Trigger.ASK).value),
    error=records.c.cancel,
    ended_ms=case((_cancelled, bindparam("now_ms", type_=BIG)), else_=None),
    question=bindparam("its_question"),
    progress=func.coalesce(bindparam("how_far", type_=Text), records.c.progress),
    # The attempt that ends here is none of those that the tool is allowed.
    max_attempts=records.c.max_attempts + 1,
    **NOBODY,
).where(held(Trigger.ASK))

_LOOK = (
    select(*records.c)
    .where(
        records.c.server_id == bindparam("server"),
        records.c.client_id == bindparam("client"),
        records.c.job_id == bindparam("job"),
    )
    .with_for_update()
)
# Its `due_ms` stays, and with that its age and its place in the queue.
_ANSWER = moved(status=target(Trigger.ANSWER).value, question=None, answers=bindparam("its_answers")).where(
    records.c.id == bindparam("parked"), allowed(Trigger.ANSWER)
)


def save(unit: Unit, token: str, checkpoint: str) -> bool:
    """Keep a checkpoint, where the token holds."""
    which = {"server": unit.server_id, "held_token": token}
    return unit.connection.execute(_SAVE, {**which, "saved": checkpoint}).one_or_none() is not None


def park(
    unit: Unit, token: str, question: str, *, how_far: str | None, holder: str, lease_ms: int
) -> Changed | None:
    """End the attempt with a question; the job is cancelled instead where that was asked for."""
    which = {"server": unit.server_id, "held_token": token, "now_ms": unit.now_ms}
    asking = {"its_question": question, "how_far": how_far}
    row = unit.connection.execute(_PARK, {**which, **asking}).one_or_none()
    if row is None:
        return None
    trigger = Trigger.ASK if row.cancel is None else Trigger.CANCEL
    return tell(unit, row, told_as(trigger), holder=holder, lease_ms=lease_ms)


def answer(
    unit: Unit,
    client_id: str,
    job_id: str,
    key: str,
    given: str,
    *,
    asked: str,
    holder: str,
    lease_ms: int,
) -> Changed | Record | None:
    """Take the answer to the question that the job still asks. The look locks the record."""
    which = {"server": unit.server_id, "client": client_id, "job": job_id}
    found = unit.connection.execute(_LOOK, which).one_or_none()
    if found is None:
        return None
    record = record_of(found)
    if record.question != asked:
        return record
    answers = canonical({**json.loads(record.answers or "{}"), key: json.loads(given)})
    parked = {"parked": found.id, "now_ms": unit.now_ms, "its_answers": answers}
    row = unit.connection.execute(_ANSWER, parked).one()
    return tell(unit, row, told_as(Trigger.ANSWER), holder=holder, lease_ms=lease_ms)
