"""Two releases of one service beside each other: each takes what tools and callers let it run."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from pydantic import JsonValue

from toolwire.client import Job, RemoteError, Status
from toolwire.contracts.errors import Code
from toolwire.services import JobContext, Service
from toolwire.testing import Bench, MemoryBroker

SERVER = "bakery"
PATIENCE_S = 10.0


class Release:
    """One release of the service, on a bench: every job gives the release that ran it."""

    def __init__(self, name: Literal["old", "new"], home: Path, broker: MemoryBroker) -> None:
        self.service = service = Service(SERVER)
        self.gate = asyncio.Event()
        self.held = asyncio.Event()

        @service.job(max_attempts=2)
        async def hold(ctx: JobContext[None]) -> str:
            """Keep the only slot, so that whatever is submitted waits."""
            self.held.set()
            await self.gate.wait()
            return name

        @service.job(description=f"Bakes as {name} bakers do.")
        async def bake(ctx: JobContext[None]) -> str:
            return name

        @service.job(description=f"Ices as {name} bakers do.", revisions="same")
        async def ice(ctx: JobContext[None]) -> str:
            return name

        @service.job()
        async def sell(ctx: JobContext[None]) -> str:
            return name

        if name == "old":

            @service.job()
            async def knead(ctx: JobContext[None]) -> str:
                return name

        self.bench = Bench(service, home, broker, job_slots=1, timeout=PATIENCE_S)

    def revision(self, tool: str) -> str:
        return self.service.tools[tool].descriptor.tool_rev


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def old(tmp_path: Path, broker: MemoryBroker) -> Release:
    return Release("old", tmp_path, broker)


@pytest.fixture
def new(tmp_path: Path, broker: MemoryBroker) -> Release:
    return Release("new", tmp_path, broker)


async def waits(job: Job[JsonValue]) -> bool:
    return (await job.poll()).status is Status.ACCEPTED


@pytest.mark.promise("P7")
async def test_a_job_is_left_to_a_replica_that_can_run_it(old: Release, new: Release) -> None:
    async with old.bench.running(), old.bench.client() as client:
        held = await client.submit("hold")
        await asyncio.wait_for(old.held.wait(), PATIENCE_S)
        for_old = [
            await client.submit("knead"),
            await client.submit("ice"),
            await client.options(tool_rev=old.revision("bake")).submit("bake"),
        ]
        for_both = [
            await client.submit("bake"),
            await client.options(tool_rev=old.revision("sell")).submit("sell"),
        ]
        async with new.bench.running():
            assert [await job.result() for job in for_both] == ["new", "new"]
            # They are older: the new release has passed over them.
            assert [await waits(job) for job in for_old] == [True, True, True]
            old.gate.set()
            assert [await job.result() for job in [held, *for_old]] == ["old"] * 4


async def test_a_caller_who_insists_on_another_revision_is_refused(old: Release, new: Release) -> None:
    assert old.revision("bake") != new.revision("bake")
    assert old.revision("sell") == new.revision("sell")
    async with new.bench.running(), new.bench.client() as client:
        with pytest.raises(RemoteError) as refused:
            await client.options(tool_rev=old.revision("bake")).submit("bake")
        assert refused.value.code is Code.TOOL_CHANGED
