"""Looks at the service's store, read only."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from toolwire.cli.doctor import store_database, store_file
from toolwire.cli.doctor.managed import Unseen
from toolwire.cli.doctor.store_database import Complaint, DatabaseSeen
from toolwire.cli.doctor.store_file import FileSeen
from toolwire.client.urls import without_password
from toolwire.contracts.errors import ConfigurationError
from toolwire.services.settings import ServiceSettings
from toolwire.services.store.dialects import store_clock
from toolwire.services.store.losses import reason_of
from toolwire.services.store.schema import SCHEMA_NUMBER, is_held, is_open, outbox, records, stamp

POSTGRESQL = ("postgresql", "postgresql+psycopg")


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """What is in a store. Ages are in milliseconds, by the store's own clock."""

    where: str
    place: FileSeen | DatabaseSeen | None = None
    """None: it was not reached."""
    number: int | None = None
    """Of its tables; None: it has none, or somebody else's."""
    oldest: int = 0
    """The oldest release that may work beside its tables."""
    jobs: Mapping[str, int] = field(default_factory=dict[str, int])
    """By status, without those that are over."""
    oldest_open_ms: int | None = None
    overdue: int = 0
    """Open, and past the deadline by more than a sweep takes."""
    lost: int = 0
    """Leases that ran out longer ago than a sweep takes."""
    unsent: int = 0
    oldest_unsent_ms: int = 0
    """For how long nobody has sent the oldest outbox row although its sender's time is up."""
    complaint: Complaint | None = None
    """Why the rest is not seen."""


def look_at_store(settings: ServiceSettings, server_id: str | None) -> StoreSeen | Unseen:
    """The store of the settings."""
    lease_ms = round(settings.lease_s * 1000)
    try:
        url = make_url(settings.store_url())
    except (ArgumentError, ValueError):
        return Unseen("its URL cannot be read", "sqlite:///PATH or postgresql://… in TOOLWIRE_STORE")
    if url.drivername in POSTGRESQL:
        return _in_database(url, without_password(settings.store_url()), server_id, lease_ms)
    if url.drivername == "sqlite":
        return _in_file(Path(url.database or ""), server_id, lease_ms)
    return Unseen(f"there is no store for {url.drivername} URLs", "sqlite:///PATH or postgresql://…")


def _in_file(path: Path, server_id: str | None, lease_ms: int) -> StoreSeen | Unseen:
    try:
        seen = StoreSeen(str(path), store_file.look_at_file(path))
    except FileNotFoundError:
        return Unseen(f"there is no {path}: no replica has run here", "toolwire serve MODULE:ATTR makes it")
    except OSError as error:
        return Unseen(f"{path} cannot be looked at ({error.strerror})", f"run as the owner of {path}")
    try:
        with store_file.engine_of(path).connect() as connection:
            return _contents(connection, seen, server_id, lease_ms)
    except (SQLAlchemyError, sqlite3.Error) as error:
        remedy = (
            "check it: sqlite3 FILE 'PRAGMA integrity_check'; or give the service another path with --store"
        )
        return replace(seen, complaint=_unreadable(reason_of(error), remedy))


def _in_database(url: URL, where: str, server_id: str | None, lease_ms: int) -> StoreSeen:
    seen = StoreSeen(where)
    try:
        engine = store_database.engine_of(url)
    except ConfigurationError as error:
        return replace(seen, complaint=_unreadable(str(error), "correct TOOLWIRE_STORE"))
    if isinstance(engine, Complaint):
        return replace(seen, complaint=engine)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            seen = replace(seen, place=store_database.look_at_database(connection))
            return _contents(connection, seen, server_id, lease_ms)
    except SQLAlchemyError as error:
        said = reason_of(error)
        if seen.place is None:
            return replace(seen, complaint=store_database.refusal(said, where))
        return replace(seen, complaint=_unreadable(said, "let the user of the URL own the tables named tw_…"))
    finally:
        engine.dispose()


def _unreadable(said: str, remedy: str) -> Complaint:
    return Complaint("store_unreadable", f"it cannot be read: {said}", remedy)


def _contents(connection: Connection, seen: StoreSeen, server_id: str | None, lease_ms: int) -> StoreSeen:
    def ask(statement: Any) -> Any:
        return connection.execute(statement).scalar_one_or_none()

    if not inspect(connection).has_table(stamp.name):
        return seen
    number, oldest = connection.execute(select(stamp.c.number, stamp.c.oldest)).one()
    seen = replace(seen, number=int(number), oldest=int(oldest))
    if oldest > SCHEMA_NUMBER:
        return seen
    ours = [] if server_id is None else [records.c.server_id == server_id]
    sent = [] if server_id is None else [outbox.c.server_id == server_id]
    now = int(ask(select(store_clock())))
    is_job = records.c.job_id.is_not(None)
    # What is over is not counted: it is most, and has no index that would tell how much it is.
    by_status = select(records.c.status, func.count()).where(is_job, is_open, *ours)
    first = ask(select(func.min(records.c.created_ms)).where(is_job, is_open, *ours))
    waiting = outbox.c.sender_until_ms < now - lease_ms
    since = ask(select(func.min(outbox.c.sender_until_ms)).where(waiting, *sent))
    jobs = connection.execute(by_status.group_by(records.c.status))
    return replace(
        seen,
        jobs={str(status): int(count) for status, count in jobs},
        oldest_open_ms=None if first is None else now - int(first),
        # A sweep comes every second, and one lease late after a start or an outage.
        overdue=ask(select(func.count()).where(is_open, records.c.deadline_ms < now - 2 * lease_ms, *ours)),
        lost=ask(select(func.count()).where(is_held, records.c.lease_until_ms < now - 2 * lease_ms, *ours)),
        unsent=ask(select(func.count()).select_from(outbox).where(waiting, *sent)),
        oldest_unsent_ms=0 if since is None else now - int(since),
    )
