"""Looks at the service's store, read only: nothing is made, nothing is written, no lock is kept."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, func, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from toolwire.cli.doctor.managed import Unseen
from toolwire.services.settings import ServiceSettings
from toolwire.services.store import schema
from toolwire.services.store.dialects import store_clock
from toolwire.services.store.schema import is_held, is_open, outbox, records

MOUNTS = Path("/proc/self/mountinfo")
BUSY_S = 2.0
WRITE_VERSION = 18
"""The byte of an SQLite file's header that tells how it is written."""


@dataclass(frozen=True, slots=True)
class FileSeen:
    """The store's file and where it lies."""

    path: Path
    mode: int
    owner: int
    user: int
    bytes: int
    """With its write-ahead log."""
    free_bytes: int
    filesystem: str
    """Its type, such as ext4 or nfs4; empty where the system does not tell."""


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """What is in a store. Ages are in milliseconds, by the store's own clock."""

    file: FileSeen
    journal: str = ""
    number: int | None = None
    """Its schema; None: an empty file, or somebody else's."""
    jobs: Mapping[str, int] = field(default_factory=dict[str, int])
    oldest_open_ms: int | None = None
    overdue: int = 0
    """Open, and past the deadline by more than a sweep takes."""
    lost: int = 0
    """Leases that ran out longer ago than a sweep takes."""
    unsent: int = 0
    oldest_unsent_ms: int = 0
    """For how long nobody has sent the oldest outbox row although its sender's time is up."""
    complaint: str = ""
    """Why the rest is not seen."""


def look_at_store(settings: ServiceSettings, server_id: str | None) -> StoreSeen | Unseen:
    """The store of the settings, if it is a file of this machine."""
    path = _path(settings)
    if isinstance(path, Unseen):
        return path
    try:
        seen = _file(path)
    except FileNotFoundError:
        return Unseen(f"there is no {path}: no replica has run here", "toolwire serve MODULE:ATTR makes it")
    except OSError as error:
        return Unseen(f"{path} cannot be looked at ({error.strerror})", f"run as the owner of {path}")
    try:
        engine = create_engine("sqlite://", creator=lambda: _open(path), poolclass=NullPool)
        with engine.connect() as connection:
            return _contents(connection, seen, server_id, round(settings.lease_s * 1000))
    except (SQLAlchemyError, sqlite3.Error) as error:
        return StoreSeen(seen, complaint=str(getattr(error, "orig", None) or error))


def _path(settings: ServiceSettings) -> Path | Unseen:
    try:
        url = make_url(settings.store_url())
    except (ArgumentError, ValueError):
        return Unseen("its URL cannot be read", "sqlite:///PATH in TOOLWIRE_STORE or toolwire.toml")
    if url.get_backend_name() != "sqlite":
        return Unseen(
            f"it is a {url.get_backend_name()} database, and only SQLite files are looked into",
            "see the replicas' /readyz and /metrics",
        )
    return Path(url.database or "")


def _open(path: Path) -> sqlite3.Connection:
    """Read only. Without a log's file a database in WAL mode is at rest: `immutable` makes none."""
    quiet = not Path(f"{path}-wal").exists()
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}", uri=True, timeout=BUSY_S
    )


def _file(path: Path) -> FileSeen:
    status = path.stat()
    log = Path(f"{path}-wal")
    return FileSeen(
        path,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        os.geteuid(),
        status.st_size + (log.stat().st_size if log.exists() else 0),
        shutil.disk_usage(path.absolute().parent).free,
        filesystem_of(path, _mounts()),
    )


def journal_of(path: Path) -> str:
    """The journal mode that the file's header names (sqlite.org/fileformat2.html, the write version).

    The pragma would name the mode of our own connection, which at rest is none.
    """
    with path.open("rb") as file:
        header = file.read(WRITE_VERSION + 1)
    return {1: "rollback", 2: "wal"}.get(header[-1], "") if len(header) > WRITE_VERSION else ""


def _mounts() -> str:
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of the file system that holds `path`, from the text of /proc/self/mountinfo (proc(5))."""
    best, kind = -1, ""
    resolved = path.resolve()
    for line in mounts.splitlines():
        before, dash, after = line.partition(" - ")
        if not dash:
            continue
        point = Path(before.split(" ")[4].replace("\\040", " "))
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split(" ")[0]
    return kind


def _contents(connection: Connection, file: FileSeen, server_id: str | None, lease_ms: int) -> StoreSeen:
    def ask(statement: Any) -> Any:
        return connection.execute(statement).scalar_one_or_none()

    journal = journal_of(file.path)
    if not inspect(connection).has_table("tw_schema"):
        return StoreSeen(file, journal)
    number = int(connection.exec_driver_sql("SELECT number FROM tw_schema").scalar_one())
    if number > schema.SCHEMA_NUMBER:
        return StoreSeen(file, journal, number)
    ours = [] if server_id is None else [records.c.server_id == server_id]
    sent = [] if server_id is None else [outbox.c.server_id == server_id]
    now = int(ask(select(store_clock())))
    is_job = records.c.job_id.is_not(None)
    by_status = select(records.c.status, func.count()).where(is_job, *ours).group_by(records.c.status)
    oldest = ask(select(func.min(records.c.created_ms)).where(is_job, is_open, *ours))
    waiting = outbox.c.sender_until_ms < now - lease_ms
    since = ask(select(func.min(outbox.c.sender_until_ms)).where(waiting, *sent))
    return StoreSeen(
        file,
        journal,
        number,
        {str(status): int(count) for status, count in connection.execute(by_status)},
        None if oldest is None else now - int(oldest),
        # A sweep comes every second, and one lease late after a start or an outage.
        ask(select(func.count()).where(is_open, records.c.deadline_ms < now - 2 * lease_ms, *ours)),
        ask(select(func.count()).where(is_held, records.c.lease_until_ms < now - 2 * lease_ms, *ours)),
        ask(select(func.count()).select_from(outbox).where(waiting, *sent)),
        0 if since is None else now - int(since),
    )
