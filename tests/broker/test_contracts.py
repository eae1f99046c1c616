"""Contracts without code, and routers: callers and service agree on declarations alone."""

from collections.abc import AsyncGenerator

import pytest_asyncio
from pydantic import BaseModel

from tests.served import SERVER
from tests.stage import PATIENCE_S, Stage
from toolwire.client import Client, declare, declare_job
from toolwire.services import JobContext, Router, Service


class AddIn(BaseModel):
    a: int
    b: int


class AddOut(BaseModel):
    total: int


add = declare("add", args=AddIn, returns=AddOut)
ping = declare("ping", returns=None)
build = declare_job("build", args=AddIn, returns=list[int])

service = Service(SERVER)
billing = Router(prefix="billing.")


@service.implements(add, read_only=True)
async def add_them(args: AddIn) -> AddOut:
    return AddOut(total=args.a + args.b)


@service.implements(ping)
def answer() -> None: ...


@service.implements(build, max_attempts=2)
async def build_it(ctx: JobContext[None], args: AddIn) -> list[int]:
    await ctx.progress(0.5)
    return [args.a, args.b]


@billing.tool(read_only=True)
async def invoice_total(number: int) -> int:
    return 2 * number


service.include(billing)


@pytest_asyncio.fixture
async def client(stage: Stage) -> AsyncGenerator[Client]:
    async with service.running(home=stage.home.path, broker_url=stage.url), stage.client() as client:
        yield client


async def test_what_is_declared_is_called_and_submitted(client: Client) -> None:
    assert await client.call(add, AddIn(a=1, b=2)) == AddOut(total=3)
    await client.call(ping)
    job = await client.submit(build, AddIn(a=1, b=2))
    assert await job.result(timeout=PATIENCE_S) == [1, 2]


async def test_the_tools_of_a_router_are_asked_under_their_whole_name(client: Client) -> None:
    assert invoice_total.name == "billing.invoice_total"
    assert await client.call(invoice_total, number=2) == 4
    assert "billing.invoice_total" in {tool.name for tool in (await client.list_tools()).tools}


async def test_a_contract_pins_a_revision_only_if_asked_to(client: Client) -> None:
    [told] = [tool for tool in (await client.list_tools()).tools if tool.name == "add"]
    assert await client.options(tool_rev=told.tool_rev).call(add, AddIn(a=1, b=2)) == AddOut(total=3)
