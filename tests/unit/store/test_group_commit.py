"""Units that share a transaction: a bad one costs itself, a lost one all, and nobody is left waiting."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError

from toolwire.services.store.port import CommitUnknown, StoreAway
from toolwire.services.store.sqlite import create_file, engine_for
from toolwire.services.store.thread import MOST_WAITING, GroupCommit, Work

TABLES = """
CREATE TABLE numbers (number INTEGER PRIMARY KEY);
CREATE TABLE promises (number INTEGER REFERENCES numbers DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER poison BEFORE INSERT ON numbers WHEN new.number < 0
    BEGIN SELECT RAISE(ROLLBACK, 'the whole transaction is lost'); END;
"""
KEPT_BY_NOBODY = 99


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "units.sqlite3"
    create_file(made)
    with sqlite3.connect(made) as connection:
        connection.executescript(TABLES)
    connection.close()
    return made


@pytest_asyncio.fixture
async def units(path: Path) -> AsyncIterator[GroupCommit]:
    engine = engine_for(path)
    event.listen(engine, "connect", check_promises)
    group = GroupCommit(engine)
    yield group
    await group.close()


def check_promises(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def insert(number: int) -> Work[int]:
    def work(connection: Connection, _now_ms: int) -> int:
        connection.exec_driver_sql("INSERT INTO numbers VALUES (?)", (number,))
        return number

    return work


def fail_after_insert(number: int) -> Work[int]:
    def work(connection: Connection, _now_ms: int) -> int:
        connection.exec_driver_sql("INSERT INTO numbers VALUES (?)", (number,))
        raise LookupError(number)

    return work


def promise(connection: Connection, _now_ms: int) -> None:
    """Write what only the commit will find wrong."""
    connection.exec_driver_sql("INSERT INTO promises VALUES (?)", (KEPT_BY_NOBODY,))


def numbers(connection: Connection, _now_ms: int) -> list[int]:
    return list(connection.exec_driver_sql("SELECT number FROM numbers ORDER BY number").scalars())


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold the write lock, so that whatever is handed over meanwhile gathers."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def gather_locked(path: Path, units: GroupCommit, *works: Work[object]) -> list[object]:
    """Run units together: the first one waits for the lock, the others share the next transaction."""
    with locked(path):
        tasks = [asyncio.ensure_future(units.run(work)) for work in (numbers, *works)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
    return (await asyncio.gather(*tasks, return_exceptions=True))[1:]


@pytest.mark.promise("P9")
async def test_a_bad_unit_costs_itself(units: GroupCommit, path: Path) -> None:
    answers = await gather_locked(
        path, units, insert(1), fail_after_insert(2), insert(3), insert(3), insert(4), fail_after_insert(5)
    )
    assert [type(answer) for answer in answers] == [int, LookupError, int, IntegrityError, int, LookupError]
    assert await units.run(numbers) == [1, 3, 4]


async def test_a_unit_that_loses_the_transaction_fails_all_and_nothing_is_written(
    units: GroupCommit, path: Path
) -> None:
    answers = await gather_locked(path, units, insert(1), fail_after_insert(2), insert(-1), insert(3))
    assert [type(answer) for answer in answers] == [StoreAway, LookupError, StoreAway, StoreAway]
    assert await units.run(numbers) == []
    assert await units.run(insert(7)) == 7


async def test_a_commit_that_fails_is_unknown_to_all(units: GroupCommit, path: Path) -> None:
    answers = await gather_locked(path, units, insert(1), promise, fail_after_insert(2))
    assert [type(answer) for answer in answers] == [CommitUnknown, CommitUnknown, LookupError]
    assert await units.run(numbers) == []
    assert await units.run(insert(7)) == 7


@pytest.mark.promise("P8")
async def test_nobody_is_told_before_the_commit(units: GroupCommit, path: Path) -> None:
    assert await units.run(insert(1)) == 1
    with sqlite3.connect(path) as reader:
        assert reader.execute("SELECT number FROM numbers").fetchall() == [(1,)]
    reader.close()


async def test_the_event_loop_goes_on_while_the_store_waits(units: GroupCommit, path: Path) -> None:
    with locked(path):
        task = asyncio.ensure_future(units.run(insert(1)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not task.done()
    assert await task == 1


async def test_a_cancelled_caller_costs_nobody_else(units: GroupCommit, path: Path) -> None:
    with locked(path):
        tasks = [asyncio.ensure_future(units.run(insert(number))) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
    assert await asyncio.gather(*tasks[::2]) == [0, 2]
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]


async def test_more_callers_than_places_are_all_served(units: GroupCommit) -> None:
    many = range(2 * MOST_WAITING)
    assert await asyncio.gather(*(units.run(insert(number)) for number in many)) == list(many)


async def test_closing_finishes_what_waits_and_refuses_the_rest(units: GroupCommit, path: Path) -> None:
    with locked(path):
        tasks = [asyncio.ensure_future(units.run(insert(number))) for number in range(MOST_WAITING + 10)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(units.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreAway, match="closed"):
            await units.run(numbers)
        assert not closing.done()
    await closing
    assert await asyncio.gather(*tasks) == list(range(MOST_WAITING + 10))
