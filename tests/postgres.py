"""A PostgreSQL database that many tests use one after the other, and each finds empty."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from psycopg import sql

# Whoever is still connected has belonged to a test that killed it, and may be in the middle of a transaction.
_END_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_COUNT_ANEW = """
SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences WHERE schemaname = 'public'
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'tw_schema'"


@dataclass(frozen=True, slots=True)
class SharedDatabase:
    """A database whose tables stay, and whose rows do not."""

    url: str

    def empty(self) -> str:
        """Take out what the last test has left, and return the URL. Deleting a few rows is ten times faster
        than another database.
        """
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(_END_OTHERS)
            for (table,) in connection.execute(_TABLES).fetchall():
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            connection.execute(_COUNT_ANEW)
        return self.url

    @contextmanager
    def schema(self, name: str) -> Generator[str]:
        """Give the URL of a schema without tables, which is a namespace that knows nothing of the others."""
        self._execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        try:
            yield f"{self.url}?options={quote(f'-c search_path={name}')}"
        finally:
            self._execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)
