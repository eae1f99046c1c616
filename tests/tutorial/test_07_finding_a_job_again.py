"""A job belongs to its client, not to a process: its id is all that it takes to find it again."""

from pathlib import Path

from tests.tutorial.conftest import CLIENT, Together
from toolwire.client import Client
from toolwire.services import JobContext, Service

service = Service("archive")


@service.job()
async def copy(ctx: JobContext[None], page: str) -> str:
    """Copy a page."""
    return f"copy of {page}"


async def test_another_process_of_the_same_client_finds_the_job(
    together: Together, vhost_url: str, tmp_path: Path
) -> None:
    """Submit and forget; somebody else picks the result up."""
    async with together(service) as client:
        job = await client.submit(copy, page="title page")
        async with Client(CLIENT, server="archive", broker=vhost_url, home=tmp_path / "home") as other:
            found = other.job(job.id, returns=str)
            assert await found.result(timeout=10) == "copy of title page"
