"""Watching: events wait in a queue of their own, and one that was not handled comes again."""

import asyncio

import pytest

from tests.conformance.conftest import PATIENCE_S
from tests.served import count_up
from toolwire.client import Client
from toolwire.testing import Bench


@pytest.mark.promise("P8")
async def test_what_was_not_handled_comes_again(bench: Bench) -> None:
    async with bench.running(), bench.client() as client, asyncio.timeout(2 * PATIENCE_S):
        await client.watch("packing", tools=[count_up], events=["done"]).subscribe()
        job = await client.submit(count_up, 1)
        assert await job.result(timeout=PATIENCE_S) == 1
        with pytest.raises(Dropped, match=job.id):
            await look_and_stumble(client)
        async with client.watch("packing", tools=[count_up], events=["done"]) as watching:
            again = await anext(watching)
            assert again.snapshot == await job.poll()


class Dropped(Exception):
    """What a watcher dropped: the id of a job."""


async def look_and_stumble(client: Client) -> None:
    """Watch, and break while handling the first event."""
    async with client.watch("packing", tools=[count_up], events=["done"]) as watching:
        async for seen in watching:
            raise Dropped(seen.job_id)
