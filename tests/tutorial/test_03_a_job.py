"""A job takes its time: it is accepted at once, and told of by events."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.tutorial.conftest import Together
from toolwire.contracts.events import Accepted, Current, Done, JobEvent, Progressed, Started
from toolwire.services import JobContext, Service

service = Service("kitchen")
oven = asyncio.Event()


@pytest.fixture(autouse=True)
def cold_oven() -> Iterator[None]:
    """Every test starts with a closed oven."""
    oven.clear()
    yield
    oven.set()


@service.job()
async def bake(ctx: JobContext[None], cake: str) -> str:
    """Bake a cake."""
    await ctx.progress(0.5, "in the oven")
    await oven.wait()
    return f"a warm {cake}"


async def test_the_events_tell_the_life_of_a_job(together: Together) -> None:
    """The first event says where the job stands, the last one that it is over; `match` takes them apart."""
    told: list[str] = []
    async with together(service) as client:
        job = await client.submit(bake, cake="lemon cake")
        async for event in job.events():
            told.append(words_for(event))
            if isinstance(event, Progressed) or event.snapshot.progress:
                oven.set()
    assert told[-1] == "done: a warm lemon cake"


def words_for(event: JobEvent) -> str:
    """One line for an event."""
    match event:
        case Current() | Accepted() | Started():
            return f"it is {event.snapshot.status}"
        case Progressed(snapshot=snapshot):
            return f"progress: {snapshot.progress}"
        case Done(result=result):
            return f"done: {result}"
        case other:
            return type(other).__name__


async def test_a_poll_tells_the_same_as_the_last_event(together: Together) -> None:
    """Push and pull show one record."""
    oven.set()
    async with together(service) as client:
        job = await client.submit(bake, cake="plum cake")
        last = [event async for event in job.events()][-1]
        assert await job.poll() == last.snapshot


async def test_only_the_result_matters_to_some(together: Together) -> None:
    """`result` waits for the end; `call` does both steps in one."""
    oven.set()
    async with together(service) as client:
        job = await client.submit(bake, cake="bread")
        assert await job.result(timeout=10) == "a warm bread"
        assert await client.call(bake, cake="bun") == "a warm bun"
