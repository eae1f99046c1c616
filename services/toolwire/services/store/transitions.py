"""The job table as SQL: what every update of a status has in common.

Each transition is one UPDATE whose WHERE names the statuses that the table allows, and, where somebody
must hold the record, the token. It counts `seq` and sets `updated_ms`, which nothing else changes: two
snapshots with the same `seq` are equal.
"""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, bindparam, case, or_, update

from toolwire.contracts.jobs import EventName, Status, Trigger, sources, step
from toolwire.services.store.schema import records

NOBODY: dict[str, None] = {"token": None, "holder": None, "lease_until_ms": None}
"""Nobody holds the record any more."""


@cache
def target(trigger: Trigger) -> Status:
    """Where a trigger leads, which is the same from every status that allows it."""
    (status,) = {step(source, trigger).status for source in sources(trigger)}
    return status


@cache
def told_as(trigger: Trigger) -> EventName:
    """The event of a trigger, which is the same from every status that allows it."""
    (event,) = {step(source, trigger).event for source in sources(trigger)}
    return event


def allowed(trigger: Trigger) -> ColumnElement[bool]:
    """The records whose status lets `trigger` happen."""
    # Not IN, which SQLAlchemy spells anew at each execution.
    return or_(*(records.c.status == status.value for status in sources(trigger)))


def moved(**changes: Any) -> Update:
    """An update of records that counts as an event; the parameter `now_ms` is the store's clock."""
    # A call has no events, so its `seq` stays 0.
    next_seq = records.c.seq + case((records.c.kind == "job", 1), else_=0)
    changes = {"seq": next_seq, "updated_ms": bindparam("now_ms"), **changes}
    return update(records).values(**changes).returning(*records.c)


def held(trigger: Trigger) -> ColumnElement[bool]:
    """The record that the parameter `held_token` lets its holder move by `trigger`, if it still holds."""
    return and_(
        records.c.server_id == bindparam("server"),
        records.c.token == bindparam("held_token"),
        allowed(trigger),
    )
