"""A watch, in memory: what is handled, what comes again, and what nobody can do with one."""

import asyncio

import pytest

from toolwire.client import Client, Done, Seen, UsageError
from toolwire.services import JobContext, Service
from toolwire.testing import in_memory

service = Service("counters")

PATIENCE_S = 10.0


@service.job()
async def count(ctx: JobContext[None], upto: int) -> int:
    """Count."""
    return upto


async def done_of(client: Client, name: str) -> Seen:
    """The next job that is done, as the watcher of that name sees it."""
    async with asyncio.timeout(PATIENCE_S), client.watch(name, tools=[count], events=["done"]) as watching:
        async for seen in watching:
            return seen
    raise AssertionError("the watch ended")


async def test_each_event_is_handled_once_and_waits_until_then() -> None:
    async with in_memory(service) as client:
        await client.watch("desk", tools=[count], events=["done"]).subscribe()
        jobs = [await client.submit(count, number) for number in (1, 2)]
        assert [await job.result() for job in jobs] == [1, 2]
        seen = [await done_of(client, "desk") for _ in jobs]
        assert {each.job_id for each in seen} == {job.id for job in jobs}
        assert all(isinstance(each.event, Done) for each in seen)
        assert sorted(each.result(count) for each in seen) == [1, 2]


async def test_what_was_not_handled_comes_again_to_the_same_watch() -> None:
    """A program may catch what its loop raised, and open the watch once more."""
    async with in_memory(service) as client:
        watching = client.watch("desk", events=["done"])
        await watching.subscribe()
        job = await client.submit(count, 1)

        async def look(*, fails: bool) -> str:
            async with asyncio.timeout(PATIENCE_S), watching:
                seen = await anext(watching)
                if fails:
                    raise ZeroDivisionError(seen.job_id)
                return seen.job_id

        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match=job.id):
                await look(fails=True)
        assert await look(fails=False) == job.id


async def test_a_watch_is_open_once() -> None:
    async with in_memory(service) as client, client.watch("desk") as watching:
        with pytest.raises(UsageError, match="open already"):
            await watching.__aenter__()


async def test_a_watch_is_used_in_its_block() -> None:
    async with in_memory(service) as client:
        watching = client.watch("desk")
        with pytest.raises(UsageError, match=r"async with client\.watch"):
            await anext(watching)


@pytest.mark.parametrize("name", ["", "two words", "a.b", "#"])
async def test_a_watch_has_a_name(name: str) -> None:
    async with in_memory(service) as client:
        with pytest.raises(UsageError, match="the name of a watch"):
            client.watch(name)
