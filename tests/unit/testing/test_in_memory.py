"""`in_memory` runs a service without a broker: everything else is real, and nothing stays."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import toolwire.testing
from toolwire.client import (
    ConfigurationError,
    InvalidArguments,
    JobCancelled,
    Progressed,
    Status,
)
from toolwire.services import JobContext, Service, ToolContext
from toolwire.testing import in_memory

STARTS_WITHIN_S = 0.5  # of processor time: what else the machine does must not decide


@asynccontextmanager
async def open_list() -> AsyncGenerator[list[str]]:
    yield []


service = Service("library", lifespan=open_list)


@service.tool(context=True)
async def lend(ctx: ToolContext[list[str]], book: str) -> str:
    """Lend a book, and say to whom."""
    ctx.state.append(book)
    return f"{ctx.client_id}: {', '.join(ctx.state)}"


@service.job(max_attempts=2)
async def catalogue(ctx: JobContext[list[str]], books: int, wait: bool = False) -> int:
    """Go through the shelves."""
    for number in range(1, books + 1):
        await ctx.progress(number / books, f"book {number}")
    if wait:
        await asyncio.Event().wait()
    return books


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_tool_is_called() -> None:
    async with in_memory(service) as client:
        assert await client.call(lend, book="Emma") == "test-client: Emma"
        assert await client.call(lend, book="Persuasion") == "test-client: Emma, Persuasion"
        with pytest.raises(InvalidArguments):
            await client.call("lend", {"title": "Emma"})


async def test_every_block_begins_anew() -> None:
    for _ in range(2):
        async with in_memory(service, client_id="ada") as client:
            assert await client.options(request_id="loan-1").call(lend, book="Emma") == "ada: Emma"


async def test_jobs_events_and_cancel_work() -> None:
    async with in_memory(service) as client:
        job = await client.submit(catalogue, books=3)
        events = [event async for event in job.events()]
        assert await job.result(timeout=5) == 3
        assert events[-1].snapshot == await job.poll()
        endless = await client.submit(catalogue, books=1, wait=True)
        async for event in endless.events():
            if isinstance(event, Progressed) or event.snapshot.progress is not None:
                await endless.cancel()
                break
        with pytest.raises(JobCancelled):
            await endless.result(timeout=5)
        assert [job.status for job in (await client.list_jobs()).jobs] == [Status.CANCELLED, Status.DONE]


async def test_it_starts_and_stops_at_once() -> None:
    async with in_memory(service) as client:  # the first one imports what there is to import
        await client.server_identity()
    began = time.process_time()
    async with in_memory(service) as client:
        assert await client.call(lend, book="Emma")
    assert time.process_time() - began < STARTS_WITHIN_S


async def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leak guard of these tests looks for tasks; this looks for files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    async with in_memory(service) as client:
        await client.submit(catalogue, books=1, wait=True)
        assert files(tmp_path)
    assert files(tmp_path) == []


async def test_the_developers_own_settings_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine.sqlite3"
    monkeypatch.setenv("TOOLWIRE_STORE", f"sqlite:///{mine}")
    monkeypatch.setenv("TOOLWIRE_BROKER_URL", "amqp://127.0.0.1:1/")
    monkeypatch.setenv("TOOLWIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TOOLWIRE_CLIENT", "somebody")
    (project := tmp_path / "project").mkdir()
    (project / "toolwire.toml").write_text("broken = [", encoding="utf-8")
    monkeypatch.chdir(project)
    async with in_memory(service) as client:
        assert client.client_id == "test-client"
        await client.call(lend, book="Emma")
    assert files(tmp_path) == [project]


async def test_settings_are_those_of_a_service_and_checked() -> None:
    async with in_memory(service, places=1, timeout=5) as client:
        assert await asyncio.gather(*(client.call(lend, book="Emma") for _ in range(3)))
    with pytest.raises(ConfigurationError, match="places"):
        async with in_memory(service, places=0):
            pass


def test_importing_it_costs_nothing() -> None:
    """pytest loads the plugin, and with it this package, wherever Toolwire is installed."""
    code = "import sys, toolwire.testing, toolwire.testing.plugin; print(*sys.modules)"
    heavy = {
        "docker",
        "testcontainers",
        "sqlalchemy",
        "aio_pika",
        "pydantic",
        "nacl",
        "pytest_asyncio",
    }
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in ended.stdout.split()}
    # pytest-asyncio, where it is installed, was loaded by pytest before.
    assert loaded & heavy <= {"pytest_asyncio"}


def test_what_it_does_not_have_it_does_not_pretend_to_have() -> None:
    name = "nothing_like_that"
    with pytest.raises(AttributeError, match="nothing_like_that"):
        getattr(toolwire.testing, name)
    assert all(hasattr(toolwire.testing, name) for name in toolwire.testing.__all__)
