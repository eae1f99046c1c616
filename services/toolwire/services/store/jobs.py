"""What a client may ask of its own jobs. All queries name the client: another's job and no job look alike."""

from collections.abc import Collection, Sequence

from sqlalchemy import and_, bindparam, select, update

from toolwire.contracts.jobs import Status, Trigger
from toolwire.services.store.history import note_intent
from toolwire.services.store.news import tell
from toolwire.services.store.port import Changed, Record
from toolwire.services.store.rows import Unit, record_of
from toolwire.services.store.schema import has_body, is_open, records
from toolwire.services.store.transitions import NOBODY, allowed, moved, target, told_as

_of_this_client = and_(records.c.server_id == bindparam("server"), records.c.client_id == bindparam("client"))
_by_job = and_(_of_this_client, records.c.job_id == bindparam("job"))
_JOB = select(*records.c).where(_by_job)

# Neither an event nor a change of the snapshot, so `seq` and `updated_ms` stay.
_ASK = (
    update(records)
    .where(_by_job, is_open, records.c.cancel.is_(None))
    .values(cancel=bindparam("why"))
    .returning(*records.c)
)
_CANCEL = moved(
    status=target(Trigger.CANCEL).value, error=records.c.cancel, ended_ms=bindparam("now_ms"), **NOBODY
).where(records.c.id == bindparam("asked"), allowed(Trigger.CANCEL))

_before = records.alias("before")
_JOBS = (
    select(*records.c)
    .where(
        _of_this_client,
        records.c.job_id.is_not(None),
        has_body,
        records.c.status.in_(bindparam("statuses", expanding=True)),
    )
    .order_by(records.c.id.desc())
    .limit(bindparam("at_most"))
)
_JOBS_BEFORE = _JOBS.where(
    records.c.id
    < select(_before.c.id)
    .where(
        _before.c.server_id == bindparam("server"),
        _before.c.client_id == bindparam("client"),
        _before.c.job_id == bindparam("before"),
    )
    .scalar_subquery()
)


def cancel(
    unit: Unit, client_id: str, job_id: str, why: str, *, holder: str, lease_ms: int
) -> Changed | None:
    """Note the intent, which also locks the record, and end the job at once where nobody runs it."""
    which = {"server": unit.server_id, "client": client_id, "job": job_id}
    asked = unit.connection.execute(_ASK, {**which, "why": why}).one_or_none()
    if asked is None:
        found = job(unit, client_id, job_id)
        return None if found is None else Changed(found)
    if asked.status == Status.RUNNING:
        note_intent(unit, asked)
        return Changed(record_of(asked))
    row = unit.connection.execute(_CANCEL, {"asked": asked.id, "now_ms": unit.now_ms}).one()
    return tell(unit, row, told_as(Trigger.CANCEL), holder=holder, lease_ms=lease_ms)


def job(unit: Unit, client_id: str, job_id: str) -> Record | None:
    """One job of this client."""
    asked = {"server": unit.server_id, "client": client_id, "job": job_id}
    row = unit.connection.execute(_JOB, asked).one_or_none()
    return None if row is None else record_of(row)


def jobs(
    unit: Unit, client_id: str, *, statuses: Collection[Status], limit: int, before: str | None
) -> Sequence[Record]:
    """This client's jobs, newest first; none where it has no job `before`."""
    wanted = sorted(status.value for status in statuses)
    asked = {"server": unit.server_id, "client": client_id, "statuses": wanted, "at_most": limit}
    if before is None:
        rows = unit.connection.execute(_JOBS, asked)
    else:
        rows = unit.connection.execute(_JOBS_BEFORE, {**asked, "before": before})
    return [record_of(row) for row in rows]
