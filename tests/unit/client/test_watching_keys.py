"""A watcher that runs goes on when a server signs with a new key, and says what it drops."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.contracts import samples
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import event_route
from toolwire.client import Client
from toolwire.client.watching import Watching
from toolwire.contracts.jobs import EventName
from toolwire.contracts.keys import Ed25519Signer, Signer
from toolwire.contracts.sealing import seal
from toolwire.services import Service
from toolwire.services.homes.provision import rotate_server
from toolwire.testing.bench import Bench
from toolwire.testing.memory import MemoryBroker

PATIENCE_S = 10.0
CLIENT, SERVER = "test-client", "packers"
STRANGER = Ed25519Signer("stranger.1", secrets.token_bytes(32))


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> Bench:
    return Bench(Service(SERVER), tmp_path / "home", MemoryBroker())


@pytest_asyncio.fixture
async def client(bench: Bench) -> AsyncIterator[Client]:
    async with bench.client() as client:
        await client.watch("desk").subscribe()
        yield client


async def send(bench: Bench, job_id: str, signer: Signer) -> None:
    """An event of that job, for whoever watches."""
    data = samples.snapshot(server_id=SERVER, job_id=job_id, tool="pack")
    event = samples.event(client_id=CLIENT, server_id=SERVER, data=data)
    route = event_route(CLIENT, SERVER, "pack", EventName.PROGRESS)
    async with bench.transport.publisher(name="a replica") as sender:
        await sender.wait_connected(PATIENCE_S)
        message = Outgoing(route, seal(event, signer), type="event", message_id=job_id, mandatory=False)
        await sender.publish(message, timeout=PATIENCE_S)


async def next_job(watching: Watching) -> str:
    async with asyncio.timeout(PATIENCE_S):
        return (await anext(watching)).job_id


@pytest.mark.promise("P1")
async def test_a_new_key_of_a_server_is_known_once_the_registry_lists_it(
    bench: Bench, client: Client
) -> None:
    await send(bench, "job-1", bench.home.server_signer(SERVER))
    async with client.watch("desk") as watching:
        assert await next_job(watching) == "job-1"
        rotate_server(bench.home, SERVER)
        await send(bench, "job-2", STRANGER)
        await send(bench, "job-3", bench.home.server_signer(SERVER))
        assert await next_job(watching) == "job-3"
    assert client.dropped == {"unknown_key": 1}


async def test_what_is_dropped_is_logged_and_not_for_each_event(
    bench: Bench, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        await send(bench, f"job-{number}", STRANGER)
    await send(bench, "job-9", bench.home.server_signer(SERVER))
    async with client.watch("desk") as watching:
        assert await next_job(watching) == "job-9"
    (told,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "registry.toml does not list" in told.getMessage()
    assert client.dropped == {"unknown_key": 5}


async def test_an_event_that_was_not_judged_yet_is_not_lost_with_its_waiter(
    bench: Bench, client: Client
) -> None:
    """The registry is read meanwhile: whoever gives up waiting then has not seen the event."""
    rotate_server(bench.home, SERVER)
    await send(bench, "job-1", bench.home.server_signer(SERVER))
    async with client.watch("desk") as watching:
        waiting = asyncio.ensure_future(anext(watching))
        async with asyncio.timeout(PATIENCE_S):
            while watching._unread is None:  # noqa: ASYNC110, SLF001  # pyright: ignore[reportPrivateUsage] - the moment matters
                await asyncio.sleep(0)
        waiting.cancel()
        assert isinstance(*await asyncio.gather(waiting, return_exceptions=True), asyncio.CancelledError)
        assert await next_job(watching) == "job-1"
