"""Replicas that want the same rows of one PostgreSQL: each gets its turn, and no caller hears of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import Connection, make_url, text

from tests.postgres import SharedDatabase
from tests.unit.store.given import SERVER, WITHIN, fresh
from tests.unit.store.stranger import ask, change
from toolwire.services.store import postgresql, sharing
from toolwire.services.store.port import StoreAway
from toolwire.services.store.sharing import Work
from toolwire.services.store.thread import GroupCommit

pytestmark = pytest.mark.postgres

PATIENT_MS = 60_000
ADD = text("UPDATE sums SET total = total + 1 WHERE name = :name")


@pytest.fixture
def url(shared_database: SharedDatabase) -> Iterator[str]:
    """Give the URL of a place with a table of two rows."""
    with shared_database.schema(fresh("contention").replace("-", "_")) as there:
        change(there, "CREATE TABLE sums (name TEXT PRIMARY KEY, total INTEGER)")
        change(there, "INSERT INTO sums VALUES ('a', 0), ('b', 0)")
        yield there


@pytest_asyncio.fixture
async def one(url: str) -> AsyncIterator[GroupCommit]:
    async with replica(url) as group:
        yield group


@pytest_asyncio.fixture
async def two(url: str) -> AsyncIterator[GroupCommit]:
    async with replica(url) as group:
        yield group


@asynccontextmanager
async def replica(url: str) -> AsyncGenerator[GroupCommit]:
    group = GroupCommit(postgresql.engine_for(make_url(url), SERVER))
    yield group
    await group.close()


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where two replicas wait for each other, in the middle of what they do."""

    mine: threading.Event
    other: threading.Event

    @classmethod
    def of_two(cls) -> tuple[Meeting, Meeting]:
        one, two = threading.Event(), threading.Event()
        return cls(one, two), cls(two, one)

    def attend(self) -> None:
        self.mine.set()
        assert self.other.wait(WITHIN)


def add(*names: str, meeting: Meeting | None = None) -> Work[str]:
    """Count in each row; meet the other replica after the first."""

    def work(connection: Connection, _now_ms: int) -> str:
        for name in names:
            connection.execute(ADD, {"name": name})
            if meeting is not None:
                meeting.attend()
        return names[0]

    return work


async def cross(one: GroupCommit, two: GroupCommit) -> None:
    """Have each lock the row that the other wants next."""
    first, second = Meeting.of_two()
    await asyncio.gather(one.run(add("a", "b", meeting=first)), two.run(add("b", "a", meeting=second)))


def totals(url: str) -> dict[str, int]:
    found: dict[str, int] = ask(url, "SELECT jsonb_object_agg(name, total) FROM sums")
    return found


@asynccontextmanager
async def holding(url: str, name: str) -> AsyncGenerator[None]:
    """Have a stranger lock a row until the end of the block."""
    async with await psycopg.AsyncConnection.connect(url) as stranger:
        await stranger.execute("SELECT 1 FROM sums WHERE name = %s FOR UPDATE", [name])
        yield


async def test_two_that_wait_for_each_other_are_both_through(
    one: GroupCommit, two: GroupCommit, url: str
) -> None:
    await cross(one, two)
    assert totals(url) == {"a": 2, "b": 2}


async def test_a_deadlock_that_the_server_breaks_is_tried_again(
    one: GroupCommit, two: GroupCommit, url: str
) -> None:
    def be_patient(connection: Connection, _now_ms: int) -> None:
        connection.exec_driver_sql(f"SET lock_timeout = {PATIENT_MS}")

    await asyncio.gather(one.run(be_patient), two.run(be_patient))
    await cross(one, two)
    assert totals(url) == {"a": 2, "b": 2}


async def test_whoever_waits_for_a_row_holds_up_nobody_else(one: GroupCommit, url: str) -> None:
    async with holding(url, "a"):
        held_up = asyncio.ensure_future(one.run(add("a")))
        for _ in range(3):
            assert await one.run(add("b")) == "b"
        assert not held_up.done()
    assert await held_up == "a"
    assert totals(url) == {"a": 1, "b": 3}


async def test_what_was_done_beside_it_counts_once(one: GroupCommit, url: str) -> None:
    """The transaction of all is taken back, and each has to run again."""
    async with holding(url, "a"):
        tasks = [asyncio.ensure_future(one.run(add(name))) for name in "bbabb"]
        await asyncio.wait({tasks[0], tasks[4]}, timeout=WITHIN)
    assert await asyncio.gather(*tasks) == list("bbabb")
    assert totals(url) == {"a": 1, "b": 4}


async def test_a_row_that_nobody_gives_back_is_the_store_away(
    one: GroupCommit, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "CONTENDED_WITHIN", 0.25)
    async with holding(url, "a"):
        with pytest.raises(StoreAway, match="lock timeout"):
            await one.run(add("a"))
        assert await one.run(add("b")) == "b"
    assert await one.run(add("a")) == "a"
    assert totals(url) == {"a": 1, "b": 1}


async def test_a_replica_that_stands_still_gives_its_rows_back(one: GroupCommit, url: str) -> None:
    """Its process is stopped in the middle of a transaction: the server ends that."""
    engine = postgresql.engine_for(make_url(url), SERVER)
    with engine.connect() as stopped:
        stopped.exec_driver_sql("SET idle_in_transaction_session_timeout = 200")
        stopped.execute(ADD, {"name": "a"})
        assert await one.run(add("a")) == "a"
        stopped.invalidate()
    engine.dispose()
    assert totals(url) == {"a": 1, "b": 0}
