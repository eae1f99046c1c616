"""What SQLite and PostgreSQL say differently. Everything else is written once, in SQLAlchemy Core.

`FOR UPDATE SKIP LOCKED` needs no place here: SQLAlchemy leaves it out for SQLite, whose only writer at a
time is the holder of `BEGIN IMMEDIATE`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Insert, Integer, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

BIG = BigInteger().with_variant(Integer, "sqlite")
"""64 bits. SQLite numbers rows by itself only in a column that is declared exactly INTEGER PRIMARY KEY."""

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""In the order of its bytes. A language's order changes with the operating system's libraries, and with it
what an index finds: one that keeps a request from running twice must not depend on that."""


class store_clock(ColumnElement[int]):  # noqa: N801  # named like the SQL function that it stands for
    """The store's own clock: milliseconds since 1970-01-01 UTC."""

    type = BIG
    inherit_cache = True


@compiles(store_clock, "sqlite")
def _sqlite_clock(_element: store_clock, _compiler: SQLCompiler, **_: Any) -> str:
    # SQLite counts milliseconds within; `unixepoch('subsec')` would say them, but came with 3.42 only.
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"


@compiles(store_clock, "postgresql")
def _postgresql_clock(_element: store_clock, _compiler: SQLCompiler, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000 AS BIGINT)"


_INSERTS: Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def insert_new(dialect: str, table: Table, unique: list[str]) -> Insert:
    """An insert that does nothing where a row with the same `unique` columns is there already."""
    return _INSERTS[dialect](table).on_conflict_do_nothing(index_elements=unique)


def insert_or_change(
    dialect: str,
    table: Table,
    unique: list[str],
    change: Mapping[str, Any],
    where: ColumnElement[bool],
) -> Insert:
    """An insert that changes the row with the same `unique` columns instead, if `where` holds for it."""
    insert = _INSERTS[dialect](table)
    return insert.on_conflict_do_update(index_elements=unique, set_=change, where=where)
