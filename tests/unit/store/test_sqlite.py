"""What is SQLite's own: the URL, the file and its mode, foreign files, a lock that is never given back."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.store.given import HOLDER, LONG, OTHER, SERVER, claimed, eventually, request
from tests.unit.store.stranger import change
from toolwire.contracts.errors import ConfigurationError
from toolwire.services.store import open_store, sqlite
from toolwire.services.store.port import Changed, Lease, Store, StoreAway

DIARY = "Today it rained. " * 100
LEASE_MS = 300


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite3"


@pytest.fixture
def diary(path: Path) -> Path:
    path.write_text(DIARY)
    return path


@pytest.mark.parametrize(
    "url",
    [
        "mysql://127.0.0.1/toolwire",
        "postgresql+psycopg2://127.0.0.1/toolwire",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://host/file",
        "sqlite:///file?mode=ro",
        "sqlite+aiosqlite:///file",
        "store.sqlite3",
        "",
    ],
)
def test_other_urls_are_refused_with_what_is_supported(url: str) -> None:
    with pytest.raises(ConfigurationError, match="Give sqlite:///"):
        open_store(url, SERVER)


def test_a_refusal_does_not_repeat_a_password() -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store("mysql://user:secret@127.0.0.1/toolwire", SERVER)
    assert "secret" not in str(refused.value)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing/store\.sqlite3.*folder must exist"):
        open_store(f"sqlite:///{tmp_path}/missing/store.sqlite3", SERVER)


async def test_the_files_are_the_owners_alone(path: Path) -> None:
    async with open_store(f"sqlite:///{path}", SERVER) as store:
        await claimed(store, token="token-1")
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("store.sqlite3*")}
        assert files == {path.name: 0o600, f"{path.name}-wal": 0o600, f"{path.name}-shm": 0o600}


async def test_a_file_of_something_else_is_refused_and_left_as_it_is(diary: Path) -> None:
    with pytest.raises(ConfigurationError, match="no SQLite database"):
        async with open_store(f"sqlite:///{diary}", SERVER):
            pass
    assert await asyncio.to_thread(diary.read_text) == DIARY


async def test_another_programs_database_is_refused_and_left_as_it_is(path: Path) -> None:
    change(f"sqlite:///{path}", "CREATE TABLE diary (line TEXT)", "INSERT INTO diary VALUES ('rain')")
    before = await asyncio.to_thread(path.read_bytes)
    with pytest.raises(ConfigurationError, match="another program's database"):
        async with open_store(f"sqlite:///{path}", SERVER):
            pass
    assert await asyncio.to_thread(path.read_bytes) == before


async def test_a_store_is_opened_again_with_what_is_in_it(path: Path) -> None:
    async with open_store(f"sqlite:///{path}", SERVER) as store:
        call = await claimed(store, token="token-1")
    async with open_store(f"sqlite:///{path}", SERVER) as store:
        assert await store.find(call.key) == call


async def test_a_store_that_is_not_open_says_so(path: Path) -> None:
    store = open_store(f"sqlite:///{path}", SERVER)
    with pytest.raises(StoreAway, match="async with"):
        await store.running(HOLDER)


async def test_a_lock_that_nobody_gives_back_is_the_store_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCK_WITHIN", 0.05)
    new = request()
    async with open_store(f"sqlite:///{path}", SERVER) as store:
        hog = sqlite3.connect(path, isolation_level=None)
        hog.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreAway, match="locked"):
            await store.claim(new, token="token-1", holder=HOLDER, lease_ms=LONG)
        hog.close()
        assert await store.find(new.key) is None
        await claimed(store, token="token-2")


@pytest.mark.promise("P7")
async def test_a_lease_that_ran_out_while_the_sweep_waited_for_the_lock_is_left(path: Path) -> None:
    """Its holder had to wait for the same lock, and renews next."""
    async with open_store(f"sqlite:///{path}", SERVER) as store:
        await claimed(store, token="token-1", lease_ms=LEASE_MS)
        hog = sqlite3.connect(path, isolation_level=None)
        hog.execute("BEGIN IMMEDIATE")
        sweeping = asyncio.create_task(settle_lost(store))
        await asyncio.wait({sweeping}, timeout=2 * LEASE_MS / 1000)
        hog.close()
        assert await sweeping == []
        assert await store.renew(["token-1"], lease_ms=LEASE_MS) == {"token-1": Lease(cancel_requested=False)}
        assert await eventually(lambda: settle_lost(store)), "without another renewal it is lost"


async def settle_lost(store: Store) -> Sequence[Changed]:
    return await store.settle_lost(interrupted="{}", holder=OTHER, lease_ms=LONG, limit=9)
