"""The service that Toolwire is measured with: the same work as every other contender's."""

import asyncio
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from toolwire.services import JobContext, Service

SERVER = "bench-server"
LOOK_EVERY_S = 0.05

service = Service(SERVER)

Numbers = Annotated[list[float], Field(min_length=1)]


class Sum(BaseModel):
    """The answer to every sum."""

    total: float


@service.tool(read_only=True)
async def batch_sum(numbers: Numbers, ballast: str = "") -> Sum:  # noqa: ARG001 - makes arguments long
    """A call without a record: what the other contenders' calls are."""
    return Sum(total=sum(numbers))


@service.tool()
async def recorded_sum(numbers: Numbers) -> Sum:
    """The same as a call that must not run twice: claimed in the store first, and its answer kept there."""
    return Sum(total=sum(numbers))


@service.tool(read_only=True)
async def slow_sum(numbers: Numbers, seconds: float) -> Sum:
    """A call that waits for something else for that long."""
    await asyncio.sleep(seconds)
    return Sum(total=sum(numbers))


@service.job()
async def job_sum(ctx: JobContext[None], numbers: Numbers) -> Sum:  # noqa: ARG001 - every job takes it
    """The same as a job."""
    return Sum(total=sum(numbers))


@service.job()
async def hold(ctx: JobContext[None], gate: str) -> None:  # noqa: ARG001 - every job takes it
    """Keep a slot until that file is there."""
    while not Path(gate).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(LOOK_EVERY_S)
