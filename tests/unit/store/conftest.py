"""One suite for every database: each test gets an empty store, and may open another one on the same data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.postgres import SharedDatabase
from tests.unit.store.given import SERVER, fresh
from toolwire.services.store import open_store
from toolwire.services.store.port import Store

if TYPE_CHECKING:
    from toolwire.testing.databases import Postgres

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres) -> Iterator[SharedDatabase]:
    with postgres.database() as url:
        yield SharedDatabase(url)


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that holds nothing and that nobody else uses."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite3'}"
    shared: SharedDatabase = request.getfixturevalue("shared_database")
    return shared.empty()


@pytest.fixture(params=DATABASES)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a place in which there are no tables yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fresh.sqlite3'}"
        return
    shared: SharedDatabase = request.getfixturevalue("shared_database")
    with shared.schema(fresh("fresh").replace("-", "_")) as url:
        yield url


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(store_url, SERVER) as opened:
        yield opened


@pytest_asyncio.fixture
async def other(store_url: str, store: Store) -> AsyncIterator[Store]:  # the first one creates
    """Open what another replica of the same server has: its own thread and connection on the same data."""
    async with open_store(store_url, SERVER) as opened:
        yield opened
