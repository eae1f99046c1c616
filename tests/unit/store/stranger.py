"""Looks at a store's database as a stranger would: by plain SQL, on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, make_url

T = TypeVar("T")


def plain_engine(url: str) -> Engine:
    """An engine without any setting of ours."""
    parsed = make_url(url)
    driver = "sqlite" if parsed.drivername == "sqlite" else "postgresql+psycopg"
    return create_engine(parsed.set(drivername=driver))


def once(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Do something in a transaction, and close the engine."""
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()


def change(url: str, *statements: str) -> None:
    """Execute statements."""

    def work(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    once(plain_engine(url), work)


def ask(url: str, question: str) -> Any:
    """Return the first value of the first row."""
    return once(plain_engine(url), lambda connection: connection.exec_driver_sql(question).scalar())
