"""Looks at the file of an SQLite store, read only: nothing is made, nothing is written, no lock is kept."""

import os
import shutil
import sqlite3
import stat
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, NullPool, create_engine

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
    journal: str = ""


def look_at_file(path: Path) -> FileSeen:
    """The file itself. Raises OSError."""
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
        journal_of(path),
    )


def engine_of(path: Path) -> Engine:
    """What reads the file."""
    return create_engine("sqlite://", creator=lambda: _open(path), poolclass=NullPool)


def _open(path: Path) -> sqlite3.Connection:
    """Read only. Without a log's file a database in WAL mode is at rest: `immutable` makes none."""
    quiet = not Path(f"{path}-wal").exists()
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}", uri=True, timeout=BUSY_S
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
