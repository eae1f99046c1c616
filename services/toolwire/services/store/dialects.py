"""What SQLite and PostgreSQL say differently. Everything else is written once, in SQLAlchemy Core.

`FOR UPDATE SKIP LOCKED` needs no place here: SQLAlchemy leaves it out for SQLite, whose only writer at a
time is the holder of `BEGIN IMMEDIATE`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Insert,
    Integer,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import TypeEngine

T = TypeVar("T")

BIG = BigInteger().with_variant(Integer, "sqlite")
"""64 bits. SQLite numbers rows by itself only in a column that is declared exactly INTEGER PRIMARY KEY."""

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""In the order of its bytes. A language's order changes with the operating system's libraries, and with it
what an index finds: one that keeps a request from running twice must not depend on that."""


_CLOCKS = {
    # SQLite counts milliseconds within; `unixepoch('subsec')` would say them, but came with 3.42 only.
    "sqlite": "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000 AS BIGINT)",
}
BEGAN_MS = "began_ms"
"""Where a connection's `info` keeps what the store's clock said when its transaction began."""


class store_clock(ColumnElement[int]):  # noqa: N801  # named like the SQL function that it stands for
    """The store's own clock: milliseconds since 1970-01-01 UTC."""

    type = BIG
    inherit_cache = True


@compiles(store_clock, "sqlite")
@compiles(store_clock, "postgresql")
def _spelled_clock(_element: store_clock, compiler: SQLCompiler, **_: Any) -> str:
    return _CLOCKS[compiler.dialect.name]


def clock(dialect: str) -> str:
    """A query for the store's own clock, as text."""
    return f"SELECT {_CLOCKS[dialect]}"


def given(dialect: str, name: str, columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """The rows in the parameter `rows`, a JSON array of objects, as a table with these columns.

    So the statement reads the same for any number of rows, and is prepared once for all of them.
    """
    rows = bindparam("rows", type_=Text)
    if dialect == "postgresql":
        # In the collation of what it is compared to.
        typed = (column(each, type_) for each, type_ in columns.items())
        records = func.json_to_recordset(cast(rows, JSON)).table_valued(*typed, name=name)
        return records.render_derived(name=name, with_types=True)
    each_row = func.json_each(rows).table_valued("value", name="each_row")
    extracted = (
        literal_column(f"json_extract(each_row.value, '$.{each}')", type_).label(each)
        for each, type_ in columns.items()
    )
    return select(*extracted).select_from(each_row).subquery(name)


def among(dialect: str, value: ColumnElement[T], name: str) -> ColumnElement[bool]:
    """Whether a value is among those in the parameter `name`, a JSON array of its type."""
    values = bindparam(name, type_=Text)
    if dialect == "postgresql":
        # Gathered once, before anything is looked up.
        one = cast(func.json_array_elements_text(cast(values, JSON)).column_valued("one"), value.type)
        return value == any_(func.array(select(one).scalar_subquery(), type_=ARRAY(value.type)))
    return value.in_(select(func.json_each(values).table_valued("value", name=name).c.value))


_INSERTS: Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def insert_new(
    dialect: str, table: Table, unique: list[str], rows: Select[*tuple[Any, ...]], columns: Sequence[str]
) -> Insert:
    """An insert that leaves out each row where one with the same `unique` columns is there already."""
    insert = _INSERTS[dialect](table).from_select(columns, rows)
    return insert.on_conflict_do_nothing(index_elements=unique)


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
