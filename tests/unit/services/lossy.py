"""A real store whose commits can be made to happen without an answer, or not to happen at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from tests.unit.services.given import SERVER
from toolwire.services.store import sqlite
from toolwire.services.store.sql import SqlStore


class Lossy:
    """`store` loses its next commits: `committed` says whether they happen before that."""

    def __init__(self, path: Path) -> None:
        sqlite.create_file(path)
        engine = sqlite.engine_for(path)
        event.listen(engine, "commit", self._commit)
        self.store = SqlStore(engine, SERVER)
        self._losses: list[bool | None] = []

    def lose(self, *, committed: bool, after: int = 0) -> None:
        """Lose the next commit, or the one after so many that go well."""
        self._losses = [None] * after + [committed]

    def _commit(self, connection: Connection) -> None:
        committed = self._losses.pop(0) if self._losses else None
        if committed is None:
            return
        if committed:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.commit()
        raise OperationalError("COMMIT", None, sqlite3.OperationalError("the store was lost"))
