"""A job can give its result away piece by piece, long before it is whole."""

import asyncio

from tests.tutorial.conftest import Together
from toolwire.services import JobContext, Service

service = Service("poets")

POEM = ("The fog comes", "on little cat feet.")


@service.job()
async def recite(ctx: JobContext[None]) -> int:
    """Put out a line as soon as it is there; `await` keeps a fast tool from running ahead of its readers."""
    for line in POEM:
        await ctx.emit(line)
    return len(POEM)


async def test_lines_come_one_after_the_other_and_the_result_at_the_end(together: Together) -> None:
    """`outputs` ends when the job is over; nothing is missing or doubled, whatever the network did."""
    async with together(service) as client, asyncio.timeout(30):
        job = await client.submit(recite)
        assert [line async for line in job.outputs()] == list(POEM)
        assert await job.result() == 2


async def test_who_comes_late_reads_all_of_it(together: Together) -> None:
    """The server keeps the pieces as long as the result."""
    async with together(service) as client, asyncio.timeout(30):
        job = await client.submit(recite)
        await job.result()
        assert [line async for line in client.job(job.id).outputs()] == list(POEM)
