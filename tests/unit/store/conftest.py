"""One suite for every database: each test gets a fresh store, and may open another one on the same data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.store.given import SERVER
from toolwire.services.store import open_store
from toolwire.services.store.port import Store


@pytest.fixture(params=["sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that is this test's alone."""
    return {"sqlite": f"sqlite:///{tmp_path / 'store.sqlite3'}"}[request.param]


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(store_url, SERVER) as opened:
        yield opened


@pytest_asyncio.fixture
async def other(store_url: str, store: Store) -> AsyncIterator[Store]:  # the first one creates
    """Open what another replica of the same server has: its own thread and connection on the same data."""
    async with open_store(store_url, SERVER) as opened:
        yield opened
