"""The tables, and the number that says which tables a store has.

A record and its outbox rows belong to one server; every index starts with it. The partial indexes hold
only the rows that their query can want, so that what is over costs the living nothing.
"""

from sqlalchemy import (
    Column,
    Connection,
    Index,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    literal_column,
    select,
    update,
)

from toolwire.contracts.errors import ConfigurationError
from toolwire.services.store.dialects import BIG

SCHEMA_NUMBER = 2
"""Grows with every change of the tables below."""

metadata = MetaData()


def _changing_columns() -> list[Column[object]]:
    """What the life of a record changes: the record has them, and each message keeps them as they stood."""
    return [
        Column("status", Text, nullable=False),
        Column("attempt", BIG, nullable=False),
        Column("due_ms", BIG, nullable=False),
        Column("seq", BIG, nullable=False),
        Column("progress", Text),
        Column("started_ms", BIG),
        Column("updated_ms", BIG, nullable=False),
        Column("token", Text),
        Column("holder", Text),
        Column("lease_until_ms", BIG),
        Column("cancel", Text),  # the error body to end with, once a cancel was asked for
    ]


CHANGING = tuple(column.name for column in _changing_columns())

records = Table(
    "tw_records",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("server_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("job_id", Text),
    Column("meaning", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("args", Text, nullable=False),
    Column("trace", Text),
    Column("reply_to", Text, nullable=False),
    Column("request_digest", Text, nullable=False),
    Column("kid", Text, nullable=False),
    Column("asked_ms", BIG, nullable=False),
    Column("max_attempts", BIG, nullable=False),
    Column("priority", BIG, nullable=False),
    Column("created_ms", BIG, nullable=False),
    Column("deadline_ms", BIG, nullable=False),
    Column("keep_until_ms", BIG, nullable=False),  # the last deadline of any attempt
    *_changing_columns(),
    # Written with the last transition and never after it; so a message does not repeat them.
    Column("result", Text),
    Column("error", Text),
    Column("ended_ms", BIG),
    Column("forgotten_ms", BIG),
)

outbox = Table(
    "tw_outbox",
    metadata,
    Column("number", BIG, primary_key=True),
    Column("server_id", Text, nullable=False),
    Column("record_id", BIG, nullable=False),
    Column("event", Text),
    Column("sender", Text, nullable=False),
    Column("sender_until_ms", BIG, nullable=False),
    *_changing_columns(),
    sqlite_autoincrement=True,  # a number that came back would let a slow sender settle another's message
)

history = Table(
    "tw_history",
    metadata,
    Column("number", BIG, primary_key=True),
    Column("server_id", Text, nullable=False),
    Column("record_id", BIG, nullable=False),
    Column("event", Text, nullable=False),
    Column("at_ms", BIG, nullable=False),
    Column("seq", BIG, nullable=False),
    Column("attempt", BIG, nullable=False),
    Column("replica", Text),
    Column("why", Text),
    Column("error_id", Text),
    Column("due_ms", BIG),
)

roles = Table(
    "tw_roles",
    metadata,
    Column("server_id", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("lease_until_ms", BIG, nullable=False),
)

_schema = Table("tw_schema", metadata, Column("number", BIG, primary_key=True, autoincrement=False))

# A bound value would hide from the planner that a query fits the partial index.
is_waiting = records.c.status == literal_column("'accepted'")
is_held = records.c.lease_until_ms.is_not(None)
is_open = records.c.ended_ms.is_(None)
is_over = records.c.ended_ms.is_not(None)
has_body = records.c.forgotten_ms.is_(None)
is_tombstone = records.c.forgotten_ms.is_not(None)


def _index(name: str, *columns: Column[object], where: object = None, unique: bool = False) -> None:
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


_r, _o, _h = records.c, outbox.c, history.c
_index("tw_records_request", _r.server_id, _r.client_id, _r.request_id, unique=True)
_index("tw_records_job", _r.server_id, _r.client_id, _r.job_id, unique=True, where=_r.job_id.is_not(None))
_index("tw_records_jobs", _r.server_id, _r.client_id, _r.id, _r.status, where=_r.job_id.is_not(None))
_index("tw_records_token", _r.server_id, _r.token, unique=True, where=_r.token.is_not(None))
_lane = (_r.server_id, _r.client_id, _r.tool, _r.priority, _r.due_ms, _r.id, _r.deadline_ms, _r.kind)
_index("tw_records_waiting", *_lane, where=is_waiting)
_index("tw_records_held", _r.server_id, _r.lease_until_ms, _r.client_id, _r.holder, where=is_held)
_index("tw_records_open", _r.server_id, _r.deadline_ms, where=is_open)
_index("tw_records_over", _r.server_id, _r.ended_ms, where=is_over & has_body)
_index("tw_records_tombstones", _r.server_id, _r.keep_until_ms, where=is_tombstone)
_index("tw_outbox_unsent", _o.server_id, _o.number, _o.sender_until_ms, _o.record_id)
_index("tw_outbox_record", _o.record_id, _o.number, _o.sender_until_ms)
_index("tw_history_record", _h.record_id, _h.number)


def prepare(connection: Connection) -> None:
    """Create the tables in a fresh store, and what an older one lacks.

    Raises `ConfigurationError` where a newer release made them.
    """
    if not inspect(connection).has_table(_schema.name):
        metadata.create_all(connection)
        connection.execute(insert(_schema).values(number=SCHEMA_NUMBER))
    number = connection.execute(select(_schema.c.number)).scalar_one()
    if number < SCHEMA_NUMBER:
        metadata.create_all(connection)  # so far every change was a new table
        connection.execute(update(_schema).values(number=SCHEMA_NUMBER))
    if number > SCHEMA_NUMBER:
        raise ConfigurationError(
            f"the store was written by a newer release (its schema is {number}, this release knows "
            f"{SCHEMA_NUMBER}). Upgrade this replica, or give it another store."
        )
