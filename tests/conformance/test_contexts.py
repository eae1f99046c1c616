"""What crosses the broker is the message: context variables of who asks stay with who asks."""

import os
from contextvars import ContextVar

import pytest

from tests.conformance.conftest import CLIENTS, PATIENCE_S
from toolwire.broker.transport import Transport
from toolwire.client import Client
from toolwire.services import JobContext, Service
from toolwire.testing import Bench

WHERE: ContextVar[str] = ContextVar("WHERE", default="nowhere")

service = Service("server-1")


@service.tool(read_only=True)
async def look() -> str:
    """Tell what is seen without a record."""
    return WHERE.get()


@service.tool()
async def change() -> str:
    """Tell what is seen with a record."""
    return WHERE.get()


@service.tool(read_only=True)
def look_in_a_thread() -> str:
    """Tell what is seen in a thread."""
    return WHERE.get()


@service.job()
async def work(ctx: JobContext[None]) -> str:
    """Tell what is seen in a job."""
    return WHERE.get()


async def seen(client: Client) -> set[str]:
    """What each of them sees."""
    direct = {await client.call(each) for each in (look, change, look_in_a_thread)}
    return direct | {await (await client.submit(work)).result(timeout=PATIENCE_S)}


@pytest.fixture
def bench(transport: Transport) -> Bench:
    """The service of this page."""
    return Bench(service, os.environ["TOOLWIRE_HOME"], transport, clients=CLIENTS, timeout=PATIENCE_S)


async def test_a_tool_sees_the_context_of_its_replica_not_of_its_caller(bench: Bench) -> None:
    WHERE.set("at the replica")
    async with bench.running(), bench.client() as client:
        WHERE.set("at the client")
        assert await seen(client) == {"at the replica"}
