"""What the store says of the lanes of waiting records, and how their records are taken (see `take`)."""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.sql.selectable import FromClause

from toolwire.contracts.jobs import Trigger, sources
from toolwire.services.store.dialects import BIG, TEXT, among, given
from toolwire.services.store.schema import is_held, is_waiting, records
from toolwire.services.store.spelled import Spelled
from toolwire.services.store.transitions import allowed, moved, target

_of_this_server = records.c.server_id == bindparam("server")


def _runnable(dialect: str) -> ColumnElement[bool]:
    return and_(
        _of_this_server,
        is_waiting,
        records.c.due_ms <= bindparam("now_ms"),
        records.c.deadline_ms > bindparam("now_ms"),
        among(dialect, records.c.kind, "kinds"),
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


def _in_lane(dialect: str, lane: FromClause) -> Select[int, int]:
    """The runnable records of a lane, oldest first."""
    return (
        select(records.c.id, records.c.due_ms)
        .where(
            _runnable(dialect),
            records.c.client_id == lane.c.client_id,
            records.c.needs == lane.c.needs,
            records.c.priority == lane.c.priority,
        )
        .order_by(records.c.due_ms, records.c.id)
        .correlate(lane)
    )


def _heads(dialect: str, lane: FromClause) -> ScalarSelect[str]:
    """The oldest of a lane as a JSON array of `[due_ms, id]`, in any order."""
    oldest = _in_lane(dialect, lane).limit(bindparam("wanted")).subquery("oldest")
    if dialect == "postgresql":
        each = func.json_build_array(oldest.c.due_ms, oldest.c.id)
        return select(cast(func.json_agg(each), Text)).scalar_subquery()
    return select(func.json_group_array(func.json_array(oldest.c.due_ms, oldest.c.id))).scalar_subquery()


def _best_lanes(dialect: str) -> Select[*tuple[Any, ...]]:
    """The lanes that have something runnable, best first."""
    lane, head = _each_lane(), records.alias("head")
    busy = (
        select(records.c.client_id, func.count().label("running"))
        # The second condition holds for every lease; it makes SQLite search by them.
        .where(_of_this_server, is_held, records.c.lease_until_ms > 0)
        .group_by(records.c.client_id)
        .subquery()
    )
    running = func.coalesce(busy.c.running, 0)
    return (
        select(
            lane.c.client_id,
            lane.c.needs,
            lane.c.priority,
            running.label("running"),
            _heads(dialect, lane).label("heads"),
        )
        .select_from(lane)
        .join(
            head,
            head.c.id == _in_lane(dialect, lane).with_only_columns(records.c.id).limit(1).scalar_subquery(),
        )
        .outerjoin(busy, busy.c.client_id == lane.c.client_id)
        .where(among(dialect, lane.c.needs, "needs"))
        .order_by(lane.c.priority.desc(), running, head.c.due_ms, head.c.id)
        .limit(bindparam("at_most"))
    )


def _taking(token: Any, holder: Any, until_ms: Any) -> Update:
    return moved(
        status=target(Trigger.TAKE).value,
        attempt=records.c.attempt + 1,
        progress=None,  # what the last attempt had reached says nothing of this one
        started_ms=bindparam("now_ms"),
        token=token,
        holder=holder,
        lease_until_ms=until_ms,
    )


def _take_chosen(dialect: str) -> Update:
    """Take those that still wait and that nobody else is taking.

    That they wait is asked last, and so that no index answers it: where PostgreSQL believes that hardly
    any do, it would go through all of them for each rather than look up the ids.
    """
    chosen = given(dialect, "chosen", {"id": BIG, "token": TEXT, "holder": TEXT, "until_ms": BIG})
    free = (
        select(*chosen.c)
        .join_from(chosen, records, records.c.id == chosen.c.id)
        .where(records.c.due_ms <= bindparam("now_ms"), records.c.deadline_ms > bindparam("now_ms"))
        .with_for_update(skip_locked=True, of=records)
        .cte("free")
    )
    (waiting,) = sources(Trigger.TAKE)
    return _taking(free.c.token, free.c.holder, free.c.until_ms).where(
        records.c.id == free.c.id, func.coalesce(records.c.status, "") == waiting.value
    )


def _take_head(dialect: str) -> Update:
    """Take the oldest of a lane that nobody else is taking."""
    head = (
        select(records.c.id)
        .where(
            _runnable(dialect),
            records.c.client_id == bindparam("client"),
            records.c.needs == bindparam("its_needs"),
            records.c.priority == bindparam("its_priority"),
        )
        .order_by(records.c.due_ms, records.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taking = _taking(bindparam("new_token"), bindparam("by"), bindparam("until_ms"))
    return taking.where(records.c.id == head.scalar_subquery(), allowed(Trigger.TAKE))


BEST_LANES = Spelled(_best_lanes)
"""Up to `at_most` lanes, best first, and the `wanted` oldest of each."""
TAKE_CHOSEN = Spelled(_take_chosen)
"""Each of `rows`, an `id` and whose it is to be, if nobody was quicker."""
TAKE_HEAD = Spelled(_take_head)
"""The oldest record of one lane."""
