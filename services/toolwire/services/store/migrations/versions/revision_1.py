"""The first tables."""

from collections.abc import Sequence

from alembic import op
from sqlalchemy import Column, text

from toolwire.services.store.dialects import BIG, TEXT

revision = "1"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    _create_records()
    _create_outbox()
    _create_history()
    _create_output()
    _create_roles()
    _create_schema()


def _create_records() -> None:
    op.create_table(
        "tw_records",
        Column("id", BIG, primary_key=True),
        Column("server_id", TEXT, nullable=False),
        Column("client_id", TEXT, nullable=False),
        Column("request_id", TEXT, nullable=False),
        Column("kind", TEXT, nullable=False),
        Column("job_id", TEXT),
        Column("meaning", TEXT, nullable=False),
        Column("tool", TEXT, nullable=False),
        Column("needs", TEXT, nullable=False),
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
        Column("keep_until_ms", BIG, nullable=False),
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
        Column("cancel", TEXT),
        Column("question", TEXT),
        Column("checkpoint", TEXT),
        Column("answers", TEXT),
        Column("result", TEXT),
        Column("error", TEXT),
        Column("ended_ms", BIG),
        Column("forgotten_ms", BIG),
    )
    _index(
        "tw_records_held",
        "tw_records",
        ["server_id", "lease_until_ms", "client_id", "holder"],
        where="lease_until_ms IS NOT NULL",
    )
    _index(
        "tw_records_jobs",
        "tw_records",
        ["server_id", "client_id", "id", "status"],
        where="job_id IS NOT NULL",
    )
    _index("tw_records_open", "tw_records", ["server_id", "deadline_ms"], where="ended_ms IS NULL")
    _index(
        "tw_records_over",
        "tw_records",
        ["server_id", "ended_ms"],
        where="ended_ms IS NOT NULL AND forgotten_ms IS NULL",
    )
    _index(
        "tw_records_tombstones",
        "tw_records",
        ["server_id", "keep_until_ms"],
        where="forgotten_ms IS NOT NULL",
    )
    _index(
        "tw_records_waiting",
        "tw_records",
        ["server_id", "client_id", "needs", "priority", "due_ms", "id", "deadline_ms", "kind"],
        where="status = 'accepted'",
    )
    _index("tw_records_request", "tw_records", ["server_id", "client_id", "request_id"], unique=True)
    _index(
        "tw_records_job",
        "tw_records",
        ["server_id", "client_id", "job_id"],
        unique=True,
        where="job_id IS NOT NULL",
    )
    _index("tw_records_token", "tw_records", ["server_id", "token"], unique=True, where="token IS NOT NULL")


def _create_outbox() -> None:
    op.create_table(
        "tw_outbox",
        Column("number", BIG, primary_key=True),
        Column("server_id", TEXT, nullable=False),
        Column("record_id", BIG, nullable=False),
        Column("event", TEXT),
        Column("sender", TEXT, nullable=False),
        Column("sender_until_ms", BIG, nullable=False),
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
        Column("cancel", TEXT),
        Column("question", TEXT),
        sqlite_autoincrement=True,
    )
    _index("tw_outbox_record", "tw_outbox", ["record_id", "number", "sender_until_ms"])
    _index("tw_outbox_unsent", "tw_outbox", ["server_id", "number", "sender_until_ms", "record_id"])


def _create_history() -> None:
    op.create_table(
        "tw_history",
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
    _index("tw_history_record", "tw_history", ["record_id", "number"])


def _create_output() -> None:
    op.create_table(
        "tw_output",
        Column("number", BIG, primary_key=True),
        Column("server_id", TEXT, nullable=False),
        Column("record_id", BIG, nullable=False),
        Column("seq", BIG, nullable=False),
        Column("attempt", BIG, nullable=False),
        Column("pieces", TEXT, nullable=False),
    )
    _index("tw_output_record", "tw_output", ["record_id", "seq"], unique=True)


def _create_roles() -> None:
    op.create_table(
        "tw_roles",
        Column("server_id", TEXT, primary_key=True),
        Column("role", TEXT, primary_key=True),
        Column("holder", TEXT, nullable=False),
        Column("lease_until_ms", BIG, nullable=False),
    )


def _create_schema() -> None:
    op.create_table(
        "tw_schema",
        Column("number", BIG, primary_key=True, autoincrement=False),
        Column("oldest", BIG, nullable=False),
    )


def _index(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None
) -> None:
    only = None if where is None else text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)
