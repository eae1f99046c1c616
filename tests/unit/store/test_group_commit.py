"""Units that share a transaction: a bad one costs itself, a lost one all, and nobody is left waiting."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import IntegrityError

from tests.unit.store.given import WITHIN
from toolwire.services.store import postgresql
from toolwire.services.store.port import CommitUnknown, StoreAway
from toolwire.services.store.sharing import Work
from toolwire.services.store.sqlite import create_file, engine_for
from toolwire.services.store.thread import MOST_WAITING, GroupCommit

TABLES = (
    "CREATE TABLE tw_schema (number INTEGER)",  # or an SQLite file is another program's
    "CREATE TABLE numbers (number INTEGER PRIMARY KEY)",
    "CREATE TABLE promises (number INTEGER REFERENCES numbers DEFERRABLE INITIALLY DEFERRED)",
)
POISON = """
CREATE TRIGGER poison BEFORE INSERT ON numbers WHEN new.number < 0
    BEGIN SELECT RAISE(ROLLBACK, 'the whole transaction is lost'); END
"""
LOSE_ALL = {
    "sqlite": "INSERT INTO numbers VALUES (-1)",
    "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
}
KEPT_BY_NOBODY = 99


@pytest.fixture
def open_engine(fresh_url: str) -> Callable[[], Engine]:
    """Return what opens another connection to the same database."""

    def opened() -> Engine:
        url = make_url(fresh_url)
        if url.drivername != "sqlite":
            return postgresql.engine_for(url, "server-1")
        path = Path(str(url.database))
        create_file(path)
        engine = engine_for(path)
        event.listen(engine, "connect", check_promises)
        return engine

    return opened


@pytest_asyncio.fixture
async def units(open_engine: Callable[[], Engine]) -> AsyncIterator[GroupCommit]:
    engine = open_engine()
    group = GroupCommit(engine)
    for statement in (*TABLES, *([POISON] if engine.dialect.name == "sqlite" else [])):
        await group.run(plainly(statement))
    yield group
    await group.close()


def check_promises(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def plainly(statement: str) -> Work[None]:
    def work(connection: Connection, _now_ms: int) -> None:
        connection.exec_driver_sql(statement)

    return work


def insert(number: int) -> Work[int]:
    def work(connection: Connection, _now_ms: int) -> int:
        connection.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
        return number

    return work


def fail_after_insert(number: int) -> Work[int]:
    def work(connection: Connection, now_ms: int) -> int:
        insert(number)(connection, now_ms)
        raise LookupError(number)

    return work


def lose_all(connection: Connection, _now_ms: int) -> None:
    connection.exec_driver_sql(LOSE_ALL[connection.dialect.name])


def promise(connection: Connection, _now_ms: int) -> None:
    """Write what only the commit will find wrong."""
    connection.execute(text("INSERT INTO promises VALUES (:number)"), {"number": KEPT_BY_NOBODY})


def numbers(connection: Connection, _now_ms: int) -> list[int]:
    return list(connection.exec_driver_sql("SELECT number FROM numbers ORDER BY number").scalars())


@asynccontextmanager
async def gathering(units: GroupCommit) -> AsyncGenerator[None]:
    """Keep the thread busy, so that whatever is handed over in the block shares the next transaction."""
    reached, gate = threading.Event(), threading.Event()

    def stand(_connection: Connection, _now_ms: int) -> bool:
        reached.set()
        return gate.wait()

    standing = asyncio.ensure_future(units.run(stand))
    try:
        assert await asyncio.to_thread(reached.wait, WITHIN)
        yield
    finally:
        gate.set()
    await standing


async def together(units: GroupCommit, *works: Work[object]) -> list[object]:
    """Run units in one transaction; return what each gave or raised."""
    async with gathering(units):
        tasks = [asyncio.ensure_future(units.run(work)) for work in works]
        await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.promise("P9")
async def test_a_bad_unit_costs_itself(units: GroupCommit) -> None:
    answers = await together(
        units,
        insert(1),
        fail_after_insert(2),
        insert(3),
        insert(3),
        insert(4),
        fail_after_insert(5),
    )
    assert [type(answer) for answer in answers] == [int, LookupError, int, IntegrityError, int, LookupError]
    assert await units.run(numbers) == [1, 3, 4]


async def test_a_unit_that_loses_the_transaction_fails_all_and_nothing_is_written(units: GroupCommit) -> None:
    answers = await together(units, insert(1), lose_all, insert(3))
    assert [type(answer) for answer in answers] == [StoreAway, StoreAway, StoreAway]
    assert await units.run(numbers) == []
    assert await units.run(insert(7)) == 7


async def test_a_commit_that_fails_is_unknown_to_all(units: GroupCommit) -> None:
    answers = await together(units, insert(1), promise, fail_after_insert(2))
    assert [type(answer) for answer in answers] == [CommitUnknown, CommitUnknown, LookupError]
    assert await units.run(numbers) == []
    assert await units.run(insert(7)) == 7


@pytest.mark.promise("P8")
async def test_nobody_is_told_before_the_commit(
    units: GroupCommit, open_engine: Callable[[], Engine]
) -> None:
    assert await units.run(insert(1)) == 1
    with open_engine().connect() as reader:
        assert numbers(reader, 0) == [1]
    reader.engine.dispose()


async def test_the_event_loop_goes_on_while_the_store_waits(units: GroupCommit) -> None:
    async with gathering(units):
        task = asyncio.ensure_future(units.run(insert(1)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not task.done()
    assert await task == 1


async def test_a_cancelled_caller_costs_nobody_else(units: GroupCommit) -> None:
    async with gathering(units):
        tasks = [asyncio.ensure_future(units.run(insert(number))) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
    assert await asyncio.gather(*tasks[::2]) == [0, 2]
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]


async def test_more_callers_than_places_are_all_served(units: GroupCommit) -> None:
    many = range(2 * MOST_WAITING)
    assert await asyncio.gather(*(units.run(insert(number)) for number in many)) == list(many)


async def test_closing_finishes_what_waits_and_refuses_the_rest(units: GroupCommit) -> None:
    async with gathering(units):
        tasks = [asyncio.ensure_future(units.run(insert(number))) for number in range(MOST_WAITING + 10)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(units.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreAway, match="closed"):
            await units.run(numbers)
        assert not closing.done()
    await closing
    assert await asyncio.gather(*tasks) == list(range(MOST_WAITING + 10))
