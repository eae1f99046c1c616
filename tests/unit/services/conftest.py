"""A replica's parts without a broker: a real store, and an outbox that nobody empties."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.services.given import HOLDER, LEASE_MS, OWN, SECRET, SERVER
from toolwire.broker.publish import Publisher
from toolwire.services.requests.seals import Seals
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.leases import Leases
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store import open_store
from toolwire.services.store.port import Store
from toolwire.services.telemetry.logs import LogLines
from toolwire.services.telemetry.signals import Signals
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever level another test's command line has set: these tests read what is logged."""
    caplog.set_level(logging.INFO, logger="toolwire.services")


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.sqlite3'}"


@pytest_asyncio.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    async with open_store(store_url, SERVER) as opened:
        yield opened


@pytest.fixture
def threads() -> ToolThreads:
    return ToolThreads(limit=2)


@pytest_asyncio.fixture
async def post() -> Post:
    """Publishes nothing: its connection was never started."""
    return Post(Publisher(["amqp://127.0.0.1:1/"], name="nobody"), SERVER, LogLines())


@pytest.fixture
def seals() -> Seals:
    return Seals(SERVER, OWN, {SECRET.kid: SECRET})


@pytest.fixture
def outbox(store: Store, post: Post, seals: Seals) -> Outbox:
    return Outbox(store, post, seals)


@pytest.fixture
def leases(store: Store) -> Leases:
    return Leases(store, LEASE_MS)


@pytest.fixture
def attempts(store: Store, outbox: Outbox, leases: Leases, threads: ToolThreads) -> Attempts:
    return Attempts(store, outbox, leases, threads, "the state", HOLDER, SERVER, Signals())
