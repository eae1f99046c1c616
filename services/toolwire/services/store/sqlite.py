"""SQLite as a store for all replicas on one machine.

Every transaction begins as a writer: one that begins as a reader and then wants to write fails at once
when another process has written in between, and no waiting helps. SQLite's own waiting sleeps for up to
100 ms at a time, so that against a busy process it hardly ever finds the lock free; ours looks every
millisecond.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from toolwire.contracts.errors import ConfigurationError
from toolwire.services.store.dialects import BEGAN_MS, clock
from toolwire.services.store.schema import stamp

LOCK_WITHIN = 5.0
"""Seconds to wait for other processes. A transaction takes milliseconds: when this is over, one hangs.
Whoever waits here holds a delivery, which is not to last."""
LOOK_EVERY = 0.001


def create_file(path: Path) -> None:
    """Make the file, readable by its owner alone; SQLite gives its side files the same mode.

    Raises `ConfigurationError` where that cannot be.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"the store {path} cannot be opened ({error.strerror}). Its folder must exist and this user must "
            "be able to write there."
        ) from error


def engine_for(path: Path) -> Engine:
    """An engine of one connection, whose transactions are all `BEGIN IMMEDIATE`."""
    # The text of an SQLAlchemy error holds the statement's values otherwise: clients' arguments, in a log.
    engine = create_engine(f"sqlite:///{path}", pool_size=1, max_overflow=0, hide_parameters=True)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        _patiently(lambda: _refuse_foreign(connection))
        _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise ConfigurationError("the store's file is no SQLite database: give another path") from error
        raise
    # NORMAL would survive the kill of any process; a power cut would take back what was confirmed, and the
    # broker no longer has it. Callers that wait share a commit, so under load the sync costs next to nothing.
    connection.execute("PRAGMA synchronous = FULL")


def _refuse_foreign(connection: sqlite3.Connection) -> None:
    """Leave another program's database as it is: the journal mode stays in the file."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    names = {name for (name,) in tables if not name.startswith("sqlite_")}
    if names and stamp.name not in names:
        raise ConfigurationError("the store's file is another program's database: give another path")


def _begin(connection: Connection) -> None:
    _patiently(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    connection.info[BEGAN_MS] = connection.exec_driver_sql(clock("sqlite")).scalar_one()


def _patiently(statement: Callable[[], object]) -> None:
    """Repeat a statement that needs the lock until it has it."""
    until = time.monotonic() + LOCK_WITHIN
    while True:
        try:
            statement()
        except (OperationalError, sqlite3.OperationalError) as error:
            if not _is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(LOOK_EVERY)
        else:
            return


def _is_busy(error: OperationalError | sqlite3.OperationalError) -> bool:
    cause = error.orig if isinstance(error, OperationalError) else error
    # The low byte: SQLITE_BUSY_RECOVERY and SQLITE_BUSY_SNAPSHOT are busy as well.
    return isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
