"""The tables, and the number that says which tables a store has.

A record and its outbox rows belong to one server; every index starts with it. The partial indexes hold
only the rows that their query can want, so that what is over costs the living nothing.
"""

from sqlalchemy import Column, Index, MetaData, Table, literal_column

from toolwire.services.store.dialects import BIG, TEXT

SCHEMA_NUMBER = 1
"""The last step of `migrations`, which grows with every change of the tables below."""
OLDEST_BESIDE = 1
"""The number of the oldest release that may still work beside these tables."""

metadata = MetaData()


def _changing_columns() -> list[Column[object]]:
    """What the life of a record changes: the record has them, and each message keeps them as they stood."""
    return [
        Column("status", TEXT, nullable=False),
        Column("attempt", BIG, nullable=False),
        Column("due_ms", BIG, nullable=False),
        Column("seq", BIG, nullable=False),
        Column("progress", TEXT),
        Column("started_ms", BIG),
        Column("updated_ms", BIG, nullable=False),
        Column("token", TEXT),
        Column("holder", TEXT),
        Column("lease_until_ms", BIG),
        Column("cancel", TEXT),  # the error body to end with, once a cancel was asked for
        Column("question", TEXT),  # what a parked job asks
    ]


CHANGING = tuple(column.name for column in _changing_columns())

records = Table(
    "tw_records",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("server_id", TEXT, nullable=False),
    Column("client_id", TEXT, nullable=False),
    Column("request_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("job_id", TEXT),
    Column("meaning", TEXT, nullable=False),
    Column("tool", TEXT, nullable=False),
    Column("needs", TEXT, nullable=False),  # by whoever takes it: the tool, or one revision of it
    Column("args", TEXT, nullable=False),
    Column("trace", TEXT),
    Column("reply_to", TEXT, nullable=False),
    Column("request_digest", TEXT, nullable=False),
    Column("kid", TEXT, nullable=False),
    Column("asked_ms", BIG, nullable=False),
    Column("max_attempts", BIG, nullable=False),
    Column("priority", BIG, nullable=False),
    Column("created_ms", BIG, nullable=False),
    Column("deadline_ms", BIG, nullable=False),
    Column("keep_until_ms", BIG, nullable=False),  # the last deadline of any attempt
    *_changing_columns(),
    Column("checkpoint", TEXT),  # what the tool saved last
    Column("answers", TEXT),  # a JSON object: what the owner answered, by the questions' keys
    # Written with the last transition and never after it; so a message does not repeat them.
    Column("result", TEXT),
    Column("error", TEXT),
    Column("ended_ms", BIG),
    Column("forgotten_ms", BIG),
)

outbox = Table(
    "tw_outbox",
    metadata,
    Column("number", BIG, primary_key=True),
    Column("server_id", TEXT, nullable=False),
    Column("record_id", BIG, nullable=False),
    Column("event", TEXT),
    Column("sender", TEXT, nullable=False),
    Column("sender_until_ms", BIG, nullable=False),
    *_changing_columns(),
    sqlite_autoincrement=True,  # a number that came back would let a slow sender settle another's message
)

history = Table(
    "tw_history",
    metadata,
    Column("number", BIG, primary_key=True),
    Column("server_id", TEXT, nullable=False),
    Column("record_id", BIG, nullable=False),
    Column("event", TEXT, nullable=False),
    Column("at_ms", BIG, nullable=False),
    Column("seq", BIG, nullable=False),
    Column("attempt", BIG, nullable=False),
    Column("replica", TEXT),
    Column("why", TEXT),
    Column("error_id", TEXT),
    Column("due_ms", BIG),
)

output = Table(
    "tw_output",
    metadata,
    Column("number", BIG, primary_key=True),
    Column("server_id", TEXT, nullable=False),
    Column("record_id", BIG, nullable=False),
    Column("seq", BIG, nullable=False),  # of the event that told of the pieces
    Column("attempt", BIG, nullable=False),
    Column("pieces", TEXT, nullable=False),  # a JSON array
)

roles = Table(
    "tw_roles",
    metadata,
    Column("server_id", TEXT, primary_key=True),
    Column("role", TEXT, primary_key=True),
    Column("holder", TEXT, nullable=False),
    Column("lease_until_ms", BIG, nullable=False),
)

stamp = Table(  # one row
    "tw_schema",
    metadata,
    Column("number", BIG, primary_key=True, autoincrement=False),
    Column("oldest", BIG, nullable=False),  # of the release that may still work beside these tables
)

# A bound value would hide from the planner that a query fits the partial index.
is_waiting = records.c.status == literal_column("'accepted'")
is_held = records.c.lease_until_ms.is_not(None)
is_open = records.c.ended_ms.is_(None)
is_over = records.c.ended_ms.is_not(None)
has_body = records.c.forgotten_ms.is_(None)
is_tombstone = records.c.forgotten_ms.is_not(None)


def _index(name: str, *columns: Column[object], where: object = None, unique: bool = False) -> None:
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


_r, _o, _h, _p = records.c, outbox.c, history.c, output.c
_index("tw_records_request", _r.server_id, _r.client_id, _r.request_id, unique=True)
_index("tw_records_job", _r.server_id, _r.client_id, _r.job_id, unique=True, where=_r.job_id.is_not(None))
_index("tw_records_jobs", _r.server_id, _r.client_id, _r.id, _r.status, where=_r.job_id.is_not(None))
_index("tw_records_token", _r.server_id, _r.token, unique=True, where=_r.token.is_not(None))
_lane = (_r.server_id, _r.client_id, _r.needs, _r.priority, _r.due_ms, _r.id, _r.deadline_ms, _r.kind)
_index("tw_records_waiting", *_lane, where=is_waiting)
_index("tw_records_held", _r.server_id, _r.lease_until_ms, _r.client_id, _r.holder, where=is_held)
_index("tw_records_open", _r.server_id, _r.deadline_ms, where=is_open)
_index("tw_records_over", _r.server_id, _r.ended_ms, where=is_over & has_body)
_index("tw_records_tombstones", _r.server_id, _r.keep_until_ms, where=is_tombstone)
_index("tw_outbox_unsent", _o.server_id, _o.number, _o.sender_until_ms, _o.record_id)
_index("tw_outbox_record", _o.record_id, _o.number, _o.sender_until_ms)
_index("tw_history_record", _h.record_id, _h.number)
_index("tw_output_record", _p.record_id, _p.seq, unique=True)
