"""The wire of a client that reads a job's output is cut: events are lost, and no piece of the output is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from tests.adversity.tcp_proxy import TcpProxy
from tests.served import Diary
from tests.waiting import wait_until
from toolwire.client import Client
from toolwire.client.home import Home
from toolwire.services import JobContext, Service
from toolwire.services.homes.provision import add_client, add_server, create_home

CLIENT = "client-001"
PARTS = 3
PIECES = 2000
PATIENCE_S = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = create_home(tmp_path / "home")
    add_server(place, "talker")
    add_client(place, CLIENT, allow=["*"])
    return place


@pytest.fixture
async def proxy(vhost_url: str) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(vhost_url) as proxy:
        yield proxy


def talker(diary: Diary) -> Service[Diary]:
    """A service whose job puts out its pieces in parts, each behind a gate."""

    @asynccontextmanager
    async def lifespan() -> AsyncGenerator[Diary]:
        yield diary

    service = Service("talker", lifespan=lifespan)

    @service.job()
    async def talk(ctx: JobContext[Diary]) -> None:  # pyright: ignore[reportUnusedFunction] - called by name
        for part in range(PARTS):
            await ctx.state.passed(f"part-{part}")
            for number in range(PIECES):
                await ctx.emit([part, number])
            ctx.state.note(f"part {part} is out")

    return service


@pytest.mark.promise("P7")
async def test_what_was_put_out_while_the_wire_was_cut_is_read_on_return(
    vhost_url: str, home: Home, proxy: TcpProxy
) -> None:
    diary = Diary(home.path)
    diary.open("part-0")
    async with (
        talker(diary).running(home=home.path, broker_url=vhost_url, grace_s=1.0),
        Client(CLIENT, server="talker", broker=proxy.url, home=home.path) as client,
    ):
        job = await client.submit("talk")
        async with asyncio.timeout(PATIENCE_S), aclosing(job.outputs()) as outputs:
            told = [await anext(outputs)]
            proxy.refuse()
            diary.open("part-1")
            await wait_until(lambda: "part 1 is out" in diary.lines(), PATIENCE_S, "it was put out")
            diary.open("part-2")
            proxy.accept()
            told += [piece async for piece in outputs]
    assert told == [[part, number] for part in range(PARTS) for number in range(PIECES)]
    assert proxy.accepted > 2
