"""A job can be cancelled while it waits and while it runs."""

import asyncio

import pytest

from tests.tutorial.conftest import Together
from toolwire.client import JobCancelled
from toolwire.contracts.events import Started
from toolwire.contracts.jobs import Status
from toolwire.services import JobContext, Service

service = Service("observatory")


@service.job()
async def watch_the_sky(ctx: JobContext[None]) -> None:
    """Go on until somebody says stop; `asyncio.CancelledError` is how the tool hears of it."""
    await asyncio.Event().wait()


async def test_a_running_job_ends_when_it_is_cancelled(together: Together) -> None:
    """Whoever waits for the result is told."""
    async with together(service) as client:
        job = await client.submit(watch_the_sky)
        async for event in job.events():
            if isinstance(event, Started) or event.snapshot.status is Status.RUNNING:
                break
        await job.cancel()
        with pytest.raises(JobCancelled):
            await job.result(timeout=10)
        assert (await job.poll()).status is Status.CANCELLED
