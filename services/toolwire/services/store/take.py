"""Which waiting record runs next: by priority, then the client with the fewest running, then age.

Waiting records lie in lanes: one client, one tool (or revision of it), one priority. Within a lane only the
age counts, so the head of each lane is all that must be looked at. The index of waiting records is in the
order of the lanes, and a recursive query jumps from one to the next: the cost grows with the number of
lanes, not of records.

The age counts from `due_ms`, as in Oban and River: from when the record could first have been taken.
"""

from collections.abc import Collection

from sqlalchemy import CTE, ColumnElement, ScalarSelect, Select, and_, bindparam, func, select
from sqlalchemy.sql.selectable import FromClause

from toolwire.contracts.jobs import Trigger
from toolwire.services.failpoints import reach
from toolwire.services.store.outbox import tell
from toolwire.services.store.port import Changed, Kind
from toolwire.services.store.rows import Unit
from toolwire.services.store.schema import is_held, is_waiting, records
from toolwire.services.store.transitions import allowed, moved, target, told_as

LANES_TRIED = 10
"""Another replica may empty a lane while we look; after so many such lanes we look again later."""

_of_this_server = records.c.server_id == bindparam("server")
_runnable = and_(
    _of_this_server,
    is_waiting,
    records.c.due_ms <= bindparam("now_ms"),
    records.c.deadline_ms > bindparam("now_ms"),
    records.c.kind.in_(bindparam("kinds", expanding=True)),
)


def _lanes() -> Select[int]:
    """The id of one waiting record of each lane, in the order of the index."""
    lanes = select(_first_in_order().label("id")).cte("lanes", recursive=True)
    at = records.alias("at")
    same_client, same_needs = records.c.client_id == at.c.client_id, records.c.needs == at.c.needs
    # Not (client, tool, priority) > (...) at once, of which SQLite uses only the first column to search by.
    following = func.coalesce(
        _first_in_order(same_client, same_needs, records.c.priority > at.c.priority, beside=at),
        _first_in_order(same_client, records.c.needs > at.c.needs, beside=at),
        _first_in_order(records.c.client_id > at.c.client_id, beside=at),
    )
    # The walk ends by itself: behind the last lane the id is NULL, which joins nothing.
    jump = select(following).select_from(lanes).join(at, at.c.id == lanes.c.id)
    return select(lanes.union_all(jump).c.id)


def _first_in_order(*where: ColumnElement[bool], beside: FromClause | None = None) -> ScalarSelect[int]:
    """The first waiting record in the order of the index."""
    order = (records.c.client_id, records.c.needs, records.c.priority)
    first = select(records.c.id).where(_of_this_server, is_waiting, *where).order_by(*order).limit(1)
    return first.correlate(beside).scalar_subquery()


def _each_lane() -> CTE:
    """What the records of each lane have in common."""
    lanes = _lanes().subquery()
    common = select(records.c.client_id, records.c.needs, records.c.priority)
    # Before any is chosen: where some lanes are wanted, PostgreSQL would rather look for theirs among all
    # records.
    return (
        common.join(lanes, lanes.c.id == records.c.id)
        .cte("lane")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )


def _same_lane(lane: FromClause) -> Select[int]:
    """The oldest runnable record of a lane."""
    return (
        select(records.c.id)
        .where(
            _runnable,
            records.c.client_id == lane.c.client_id,
            records.c.needs == lane.c.needs,
            records.c.priority == lane.c.priority,
        )
        .order_by(records.c.due_ms, records.c.id)
        .limit(1)
        .correlate(lane)
    )


def _best_lanes() -> Select[str, str, int]:
    """The lanes that have something runnable, best first."""
    lane, head = _each_lane(), records.alias("head")
    busy = (
        select(records.c.client_id, func.count().label("running"))
        # The second condition holds for every lease; it makes SQLite search by them.
        .where(_of_this_server, is_held, records.c.lease_until_ms > 0)
        .group_by(records.c.client_id)
        .subquery()
    )
    return (
        select(lane.c.client_id, lane.c.needs, lane.c.priority)
        .select_from(lane)
        .join(head, head.c.id == _same_lane(lane).scalar_subquery())
        .outerjoin(busy, busy.c.client_id == lane.c.client_id)
        .where(lane.c.needs.in_(bindparam("needs", expanding=True)))
        .order_by(lane.c.priority.desc(), func.coalesce(busy.c.running, 0), head.c.due_ms, head.c.id)
        .limit(LANES_TRIED)
    )


_BEST_LANES = _best_lanes()
_head = (
    select(records.c.id)
    .where(
        _runnable,
        records.c.client_id == bindparam("client"),
        records.c.needs == bindparam("its_needs"),
        records.c.priority == bindparam("its_priority"),
    )
    .order_by(records.c.due_ms, records.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_TAKE = moved(
    status=target(Trigger.TAKE).value,
    attempt=records.c.attempt + 1,
    progress=None,  # what the last attempt had reached says nothing of this one
    started_ms=bindparam("now_ms"),
    token=bindparam("new_token"),
    holder=bindparam("by"),
    lease_until_ms=bindparam("until_ms"),
).where(records.c.id == _head.scalar_subquery(), allowed(Trigger.TAKE))


def take(
    unit: Unit, needs: Collection[str], *, token: str, holder: str, lease_ms: int, kinds: Collection[Kind]
) -> Changed | None:
    """Take the head of the best lane."""
    asked = {"server": unit.server_id, "now_ms": unit.now_ms, "kinds": sorted(kinds)}
    lease = {"new_token": token, "by": holder, "until_ms": unit.now_ms + lease_ms}
    for lane in unit.connection.execute(_BEST_LANES, {**asked, "needs": sorted(needs)}).all():
        place = {"client": lane.client_id, "its_needs": lane.needs, "its_priority": lane.priority}
        row = unit.connection.execute(_TAKE, {**asked, **lease, **place}).one_or_none()
        if row is not None:
            taken = tell(unit, row, told_as(Trigger.TAKE), holder=holder, lease_ms=lease_ms)
            reach("take.written")
            return taken
    return None
