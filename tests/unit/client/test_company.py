"""What a client lets travel together, and what it sends alone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.waiting import wait_until
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import request_route
from toolwire.client.exchange import Exchange
from toolwire.client.identity import read_identity
from toolwire.client.options import Options
from toolwire.client.pins import Pins
from toolwire.client.questions import Question, call_of, submission_of
from toolwire.contracts.builtin import SERVER_IDENTITY
from toolwire.contracts.encoding import sendable
from toolwire.contracts.lines import MAX_LINES
from toolwire.services import JobContext, Service
from toolwire.testing import Bench, MemoryBroker

SERVER = "server-1"
OPTIONS = Options(20.0, SERVER)
Asking: TypeAlias = tuple[Exchange, "Recording", asyncio.Event]


class Recording(MemoryBroker):
    """Notes what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[Outgoing] = []

    def publish(self, message: Outgoing) -> None:
        self.published.append(message)
        super().publish(message)

    def companies(self, tool: str) -> list[int]:
        """What was said of the requests for a tool, in their order."""
        route = request_route(SERVER, tool)
        return [message.company for message in self.published if message.route == route]


@asynccontextmanager
async def exchange_with(service: Service[None], path: Path) -> AsyncGenerator[tuple[Exchange, Recording]]:
    transport = Recording()
    bench = Bench(service, path, transport)
    identity = read_identity(bench.home, bench.clients[0], None, None)
    pins = Pins(bench.home, bench.clients[0], identity.pinned)
    async with bench.running(), Exchange(transport, identity, pins) as exchange:
        yield exchange, transport


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    """What asks a server, what it sent, and what its tool waits for when told so."""
    service = Service(SERVER)
    open_door = asyncio.Event()

    @service.tool(read_only=True)
    async def enter(wait: bool) -> None:
        if wait:
            await open_door.wait()

    async with exchange_with(service, tmp_path) as (exchange, transport):
        yield exchange, transport, open_door


def enter(*, wait: bool) -> Question:
    return call_of("enter", sendable({"wait": wait}), OPTIONS)


async def until_it_is_quick(exchange: Exchange, transport: Recording) -> None:
    async with asyncio.timeout(20):
        while transport.companies("enter")[-1:] in ([], [1]):
            await exchange.ask(enter(wait=False))


async def test_the_first_request_for_a_tool_goes_alone_and_those_for_a_quick_one_together(
    asking: Asking,
) -> None:
    exchange, transport, _ = asking
    await until_it_is_quick(exchange, transport)
    assert transport.companies("enter")[0] == 1
    await exchange.ask(call_of(SERVER_IDENTITY, sendable({}), OPTIONS))
    assert transport.companies(SERVER_IDENTITY) == [1]  # another tool, of which nothing is known yet


async def test_what_is_sent_again_goes_alone(asking: Asking) -> None:
    """It may be what the server fell over."""
    exchange, transport, open_door = asking
    await until_it_is_quick(exchange, transport)
    asked = asyncio.create_task(exchange.ask(enter(wait=True)))
    sent = len(transport.companies("enter"))
    await wait_until(lambda: len(transport.companies("enter")) == sent + 1, 10, "it is sent")
    exchange.ledger.reconnected()
    await wait_until(lambda: len(transport.companies("enter")) == sent + 2, 10, "it is sent again")
    open_door.set()
    assert (await asked).response.error is None
    first, again = transport.companies("enter")[sent:]
    assert again == 1 < first


async def test_submissions_travel_in_full_company_from_the_first(tmp_path: Path) -> None:
    """They wait for nothing but the store, and any replica may run what another one has accepted."""
    service = Service(SERVER)

    @service.job()
    async def later(_: JobContext[None]) -> None: ...

    async with exchange_with(service, tmp_path) as (exchange, transport):
        await exchange.ask(submission_of("later", sendable({}), OPTIONS))
    assert transport.companies("later") == [MAX_LINES]
