"""Stores of older and newer releases: what is changed, what is left alone, and what is refused."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, make_url, text

from tests.unit.store.given import SERVER, claimed, finished, fresh
from tests.unit.store.stranger import change, once, plain_engine
from toolwire.contracts.errors import ConfigurationError
from toolwire.services.store import migrations, postgresql, sqlite
from toolwire.services.store.migrations.run import migrate
from toolwire.services.store.port import Store
from toolwire.services.store.schema import OLDEST_BESIDE, SCHEMA_NUMBER, metadata
from toolwire.services.store.sql import SqlStore
from toolwire.services.store.upgrade import THIS_RELEASE, Release, prepare

T = TypeVar("T")

HERE = Path(migrations.__file__).parent
NEXT = SCHEMA_NUMBER + 1

STEP = """
from alembic import op
from sqlalchemy import Column, Text

revision = "{number}"
down_revision = "{before}"

def upgrade():
    {does}
"""
EXPAND = "op.add_column('tw_records', Column('colour', Text))"
CONTRACT = "op.drop_column('tw_records', 'trace')"
BREAK_HALFWAY = EXPAND + "; op.drop_column('tw_records', 'of_nobody')"


@dataclass(frozen=True, slots=True)
class Database:
    """A database without tables, and engines for it."""

    url: str

    def engine(self) -> Engine:
        url = make_url(self.url)
        if url.drivername != "sqlite":
            return postgresql.engine_for(url, SERVER)
        path = Path(str(url.database))
        sqlite.create_file(path)
        return sqlite.engine_for(path)

    @asynccontextmanager
    async def opened(self, release: Release = THIS_RELEASE) -> AsyncGenerator[Store]:
        async with SqlStore(self.engine(), SERVER, release) as store:
            yield store

    def ours(self, work: Callable[[Connection], T]) -> T:
        """Do something as a replica would."""
        return once(self.engine(), work)

    def look(self, question: Callable[[Connection], T]) -> T:
        """Do something as a stranger."""
        return once(plain_engine(self.url), question)

    def columns(self, table: str = "tw_records") -> set[str]:
        return self.look(lambda connection: {c["name"] for c in inspect(connection).get_columns(table)})


@pytest.fixture
def database(fresh_url: str) -> Database:
    return Database(fresh_url)


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., Release]:
    """Return what makes the release after this one: its steps do what is given, its `oldest` is `beside`."""

    def made(*does: str, beside: int = SCHEMA_NUMBER) -> Release:
        folder = tmp_path / "migrations%"  # Alembic reads this from a configuration, where it has a meaning
        shutil.copytree(HERE, folder, dirs_exist_ok=True)
        for before, step in enumerate(does, start=SCHEMA_NUMBER):
            step_text = STEP.format(number=before + 1, before=before, does=step)
            (folder / "versions" / f"revision_{before + 1}.py").write_text(step_text)
        return Release(SCHEMA_NUMBER + len(does), beside, str(folder))

    return made


def test_the_last_step_is_the_one_that_this_release_has() -> None:
    assert ScriptDirectory(str(HERE)).get_current_head() == str(SCHEMA_NUMBER)
    assert OLDEST_BESIDE <= SCHEMA_NUMBER


def test_the_steps_lead_to_the_tables_of_a_fresh_store(database: Database) -> None:
    def stepped(connection: Connection) -> Sequence[object]:
        migrate(connection, THIS_RELEASE.migrations, None, SCHEMA_NUMBER)
        differences: list[object] = compare_metadata(MigrationContext.configure(connection), metadata)
        return differences

    assert database.ours(stepped) == []
    made_by_steps = database.look(definitions)
    database.look(metadata.drop_all)
    assert database.look(definitions) == {}
    database.ours(prepare)
    assert database.look(definitions) == made_by_steps


def definitions(connection: Connection) -> dict[str, str]:
    """Everything that the database would say of its columns and indexes, in its own words."""
    asked = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE name LIKE 'tw_%'",
        "postgresql": """
            SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
            UNION ALL
            SELECT table_name || '.' || ordinal_position,
                   concat_ws(' ', column_name, data_type, is_nullable, column_default, collation_name)
            FROM information_schema.columns WHERE table_schema = current_schema()
        """,
    }[connection.dialect.name]
    return {name: " ".join(str(said).split()) for name, said in connection.execute(text(asked))}


async def test_an_open_store_says_what_it_is(database: Database) -> None:
    async with database.opened():
        assert database.look(stamp) == [(SCHEMA_NUMBER, OLDEST_BESIDE)]


def stamp(connection: Connection) -> list[tuple[int, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql("SELECT number, oldest FROM tw_schema")]


async def test_an_older_store_is_changed_and_keeps_what_is_in_it(
    database: Database, release: Callable[..., Release]
) -> None:
    async with database.opened() as store:
        call = await claimed(store, token="token-1")
    async with database.opened(release(EXPAND)) as store:
        assert await store.find(call.key) == call
    assert "colour" in database.columns()
    assert database.look(stamp) == [(NEXT, SCHEMA_NUMBER)]
    tables = database.look(lambda connection: set(inspect(connection).get_table_names()))
    assert tables == set(metadata.tables), "what Alembic noted meanwhile is gone"


async def test_several_steps_at_once(database: Database, release: Callable[..., Release]) -> None:
    async with database.opened():
        pass
    async with database.opened(release(EXPAND, CONTRACT, beside=NEXT)):
        assert database.look(stamp) == [(NEXT + 1, NEXT)]
    assert "trace" not in database.columns()


async def test_an_older_release_works_beside_tables_that_only_grew(
    database: Database, release: Callable[..., Release]
) -> None:
    async with database.opened() as old, database.opened(release(EXPAND)), database.opened() as also_old:
        for store in (old, also_old):
            token = fresh("token")
            await claimed(store, token=token)
            assert await finished(store, token)
        assert database.look(stamp) == [(NEXT, SCHEMA_NUMBER)], "it leaves them as they are"


async def test_an_older_release_refuses_tables_that_it_does_not_understand(
    database: Database, release: Callable[..., Release]
) -> None:
    async with database.opened(release(CONTRACT, beside=NEXT)):
        pass
    with pytest.raises(ConfigurationError, match=rf"its schema is {NEXT}, for releases from {NEXT} on; this"):
        async with database.opened():
            pass


async def test_a_step_that_fails_leaves_the_older_tables_whole(
    database: Database, release: Callable[..., Release]
) -> None:
    async with database.opened() as store:
        call = await claimed(store, token="token-1")
    with pytest.raises(
        ConfigurationError, match=f"from {SCHEMA_NUMBER} to {NEXT}, and are as they were: .*of_nobody"
    ):
        async with database.opened(release(BREAK_HALFWAY)):
            pass
    assert "colour" not in database.columns()
    assert database.look(stamp) == [(SCHEMA_NUMBER, OLDEST_BESIDE)]
    async with database.opened() as store:
        assert await store.find(call.key) == call


async def test_replicas_that_start_at_once_all_come_up(
    database: Database, release: Callable[..., Release]
) -> None:
    async def replica(of: Release) -> None:
        async with database.opened(of) as store:
            await claimed(store, token=fresh("token"))

    await asyncio.gather(*(replica(THIS_RELEASE) for _ in range(3)))
    newer = release(EXPAND)
    await asyncio.gather(*(replica(of) for of in (newer, THIS_RELEASE, newer, newer)))
    assert database.look(stamp) == [(NEXT, SCHEMA_NUMBER)]


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE tw_records (id INTEGER)",
        "CREATE TABLE tw_schema (number INTEGER)",
        "CREATE TABLE tw_schema (number INTEGER, oldest INTEGER)",
    ],
    ids=["no stamp", "stamp of an unreleased version", "empty stamp"],
)
async def test_tables_that_no_release_has_made_are_refused_and_left(database: Database, table: str) -> None:
    change(database.url, table)
    with pytest.raises(ConfigurationError, match=r"another (database|path)"):
        async with database.opened():
            pass
    assert len(database.columns(table.split()[2])) <= 2


def test_alembic_is_imported_only_for_an_older_store(tmp_path: Path) -> None:
    opening = f"""
import asyncio, sys
from toolwire.services.store import open_store

async def main():
    async with open_store("sqlite:///{tmp_path}/store.sqlite3", "server-1"):
        pass

asyncio.run(main())
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", opening], check=True)
