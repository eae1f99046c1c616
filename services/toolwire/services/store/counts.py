"""How much lies in the store: from the partial indexes, so that what is over costs nothing."""

from sqlalchemy import bindparam, func, literal_column, select

from toolwire.contracts.jobs import Status
from toolwire.services.store.port import Counts
from toolwire.services.store.rows import Unit
from toolwire.services.store.schema import is_held, is_waiting, outbox, records

_of_this_server = records.c.server_id == bindparam("server")
_is_job = records.c.kind == literal_column("'job'")
# By lanes, because that is the order of the index: SQLite would search by another one otherwise.
_lanes = (
    select(func.count().label("number"), func.min(records.c.due_ms).label("due_ms"))
    .where(_of_this_server, is_waiting, _is_job)
    .group_by(records.c.client_id, records.c.needs, records.c.priority)
    .subquery()
)
_WAITING = select(func.coalesce(func.sum(_lanes.c.number), 0), func.min(_lanes.c.due_ms))
# The second condition holds for every lease; it makes SQLite search by them.
_RUNNING = select(func.count(), func.min(records.c.updated_ms)).where(
    _of_this_server, is_held, records.c.lease_until_ms > 0, _is_job
)
_UNSENT = select(func.count()).where(outbox.c.server_id == bindparam("server"))

STATEMENTS = (_WAITING, _RUNNING, _UNSENT)


def counts(unit: Unit) -> Counts:
    """Count what is not over."""
    server = {"server": unit.server_id}
    waiting, oldest_due_ms = unit.connection.execute(_WAITING, server).one()
    running, oldest_news_ms = unit.connection.execute(_RUNNING, server).one()
    return Counts(
        jobs={Status.ACCEPTED: int(waiting), Status.RUNNING: running},
        # A job that broke waits for its next attempt: it is not due yet.
        oldest_waiting_ms=0 if oldest_due_ms is None else max(0, unit.now_ms - oldest_due_ms),
        longest_silence_ms=0 if oldest_news_ms is None else max(0, unit.now_ms - oldest_news_ms),
        unsent=unit.connection.execute(_UNSENT, server).scalar_one(),
    )
