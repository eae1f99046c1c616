"""What is PostgreSQL's own: the URL, the driver, and a server that refuses, hangs, restarts or dies."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import pytest
import pytest_asyncio
from sqlalchemy import Connection, make_url

from tests.postgres import SharedDatabase
from tests.unit.store.given import HOLDER, LONG, SERVER, claimed, finished, fresh, request
from tests.unit.store.stranger import ask, change
from toolwire.contracts.errors import ConfigurationError
from toolwire.services import store as package
from toolwire.services.store import open_store, postgresql, sql
from toolwire.services.store.port import CommitUnknown, Store, StoreAway
from toolwire.services.store.postgresql import Impatient
from toolwire.services.store.thread import GroupCommit

NOBODY_THERE = "postgresql://user:known-to-nobody@127.0.0.1:1/toolwire"
SHORT_S = 0.3
END_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'toolwire server-1'
"""
DIE_WHILE_COMMITTING = (
    "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NULL; END $$",
    "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON tw_records DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION die()",
)


# --- without a server ---


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, postgresql.__name__)
    monkeypatch.delattr(package, "postgresql")
    with pytest.raises(ConfigurationError, match=r"pip install 'toolwire\[postgres\]'") as refused:
        open_store(NOBODY_THERE, SERVER)
    assert "known-to-nobody" not in str(refused.value)


def test_a_setting_that_nobody_knows_is_named() -> None:
    with pytest.raises(ConfigurationError, match="colour") as refused:
        open_store(f"{NOBODY_THERE}?colour=red", SERVER)
    assert "known-to-nobody" not in str(refused.value)


async def test_a_server_that_is_not_there_is_the_store_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "OPEN_WITHIN_S", 0)
    with pytest.raises(StoreAway, match="refused") as away:
        async with open_store(NOBODY_THERE, SERVER):
            pass
    assert "known-to-nobody" not in f"{away.value} {away.value.__cause__!r}"


@pytest.mark.parametrize("url", ["postgresql://h/d", "postgresql+psycopg://h/d"])
def test_the_urls_settings_win(url: str) -> None:
    engine = postgresql.engine_for(make_url(f"{url}?target_session_attrs=any&connect_timeout=9"), SERVER)
    _, settings = engine.dialect.create_connect_args(engine.url)
    assert (settings["target_session_attrs"], settings["connect_timeout"]) == ("any", "9")
    assert engine.driver == "psycopg"


# --- with one ---


@pytest.fixture
def url(shared_database: SharedDatabase) -> str:
    return shared_database.empty()


@pytest.fixture
def empty_url(shared_database: SharedDatabase) -> Iterator[str]:
    """Give the URL of a schema without tables."""
    with shared_database.schema(fresh("fresh").replace("-", "_")) as there:
        yield there


@pytest_asyncio.fixture
async def replica(url: str) -> AsyncIterator[Store]:
    async with open_store(url, SERVER) as opened:
        yield opened


@pytest_asyncio.fixture
async def units(url: str) -> AsyncIterator[GroupCommit]:
    group = GroupCommit(postgresql.engine_for(make_url(url), SERVER))
    yield group
    await group.close()


def sleep_long(connection: Connection, _now_ms: int) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SELECT pg_sleep(60)")


@pytest.mark.postgres
async def test_every_wait_is_bounded(units: GroupCommit) -> None:
    def settings(connection: Connection, _now_ms: int) -> list[object]:
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        more = ("synchronous_commit", "transaction_isolation", "application_name")
        return [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in (*names, *more)]

    expected = ["100ms", "4s", "4s", "on", "read committed", f"toolwire {SERVER}"]
    assert await units.run(settings) == expected


@pytest.mark.postgres
async def test_commits_are_waited_for_where_the_database_says_otherwise(url: str) -> None:
    careless = f"{url}?options={quote('-c synchronous_commit=off')}"
    group = GroupCommit(postgresql.engine_for(make_url(careless), SERVER))
    asked = await group.run(lambda to, _now_ms: to.exec_driver_sql("SHOW synchronous_commit").scalar())
    await group.close()
    assert asked == "on"


@pytest.mark.postgres
async def test_a_database_may_be_meant_for_stricter_programs(url: str) -> None:
    """What another replica has just committed has to be seen, whatever transactions are elsewhere."""
    strict = f"{url}?options={quote('-c default_transaction_isolation=serializable')}"
    group = GroupCommit(postgresql.engine_for(make_url(strict), SERVER))
    try:
        asked = await group.run(lambda to, _now_ms: to.exec_driver_sql("SHOW transaction_isolation").scalar())
    finally:
        await group.close()
    assert asked == "read committed"


@pytest.mark.postgres
async def test_a_server_that_does_not_answer_is_away_within_seconds(
    units: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Impatient, "patience_s", SHORT_S)
    began = time.monotonic()
    with pytest.raises(StoreAway, match=r"has not answered for 0\.3 s"):
        await units.run(sleep_long)
    assert time.monotonic() - began < 10
    monkeypatch.undo()
    assert await units.run(lambda connection, _now_ms: connection.exec_driver_sql("SELECT 7").scalar()) == 7


@pytest.mark.postgres
async def test_a_statement_that_takes_too_long_costs_itself(
    units: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long(connection: Connection, _now_ms: int) -> None:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 50")
        connection.exec_driver_sql("SELECT pg_sleep(60)")

    with pytest.raises(StoreAway, match="statement timeout"):
        await units.run(too_long)


@pytest.mark.postgres
@pytest.mark.parametrize("plans_for_s", [0.0, 60.0])
async def test_a_connection_that_died_while_it_lay_idle_is_replaced(
    replica: Store, url: str, monkeypatch: pytest.MonkeyPatch, plans_for_s: float
) -> None:
    """As after a restart of the server: nobody hears of it."""
    monkeypatch.setattr(postgresql, "PLANS_FOR_S", plans_for_s)
    await claimed(replica, token="token-1")
    assert ask(url, END_OTHERS) == 1
    assert await finished(replica, "token-1")


@pytest.mark.postgres
async def test_a_connection_that_dies_while_committing_is_a_commit_unknown(empty_url: str) -> None:
    new = request()
    async with open_store(empty_url, SERVER) as replica:
        change(empty_url, *DIE_WHILE_COMMITTING)
        with pytest.raises(CommitUnknown, match="read again"):
            await replica.claim(new, token="token-1", holder=HOLDER, lease_ms=LONG)
        change(empty_url, "DROP TRIGGER die ON tw_records")
        assert await replica.find(new.key) is None
        await claimed(replica, token="token-2")


@pytest.mark.postgres
async def test_a_database_that_is_missing_is_said_at_once(url: str) -> None:
    elsewhere = make_url(url).set(database="nowhere", password="known-to-nobody")
    with pytest.raises(ConfigurationError, match="refuses this replica") as refused:
        async with open_store(elsewhere.render_as_string(hide_password=False), SERVER):
            pass
    assert "known-to-nobody" not in f"{refused.value} {refused.value.__cause__!r}"


@pytest.mark.postgres
async def test_a_user_without_the_rights_is_told_which(url: str) -> None:
    nowhere = f"{url}?options={quote('-c search_path=nowhere')}"
    with pytest.raises(ConfigurationError, match="may not do what is needed: no schema"):
        async with open_store(nowhere, SERVER):
            pass


@pytest.mark.postgres
async def test_a_standby_is_the_store_away(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "OPEN_WITHIN_S", 0)
    standby = f"{url}?options={quote('-c default_transaction_read_only=on')}"
    with pytest.raises(StoreAway, match="read-only"):
        async with open_store(standby, SERVER):
            pass


@pytest.mark.postgres
async def test_a_server_that_has_stopped_taking_writes_is_the_store_away(replica: Store, url: str) -> None:
    anything = "target_session_attrs=any"
    read_only = f"{url}?{anything}&options={quote('-c default_transaction_read_only=on')}"
    async with open_store(read_only, SERVER) as reader:
        with pytest.raises(StoreAway, match="read-only"):
            await claimed(reader, token="token-1")
    await claimed(replica, token="token-1")


@pytest.mark.postgres
async def test_several_stores_in_one_database(url: str, empty_url: str) -> None:
    """Each schema is a store of its own."""
    async with open_store(url, SERVER) as one, open_store(empty_url, SERVER) as other:
        call = await claimed(one, token="token-1")
        assert await one.find(call.key) == call
        assert await other.find(call.key) is None
