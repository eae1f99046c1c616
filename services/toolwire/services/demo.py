"""The demo service: one tool that answers at once, one job that takes its time.

toolwire serve toolwire.services.demo:service
"""

import asyncio
import time
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue

from toolwire.services.running.context import JobContext
from toolwire.services.service import Service

SERVER_ID = "mcp-server-001"

service = Service(SERVER_ID)


class BatchSum(BaseModel):
    """How many numbers there were, and their sum."""

    count: int
    total: float


class Echo(BaseModel):
    """What came in, and how long it took."""

    payload: dict[str, JsonValue]
    duration_s: float


@service.tool(read_only=True, open_world=False)
async def batch_sum(
    numbers: Annotated[list[float], Field(min_length=1, max_length=100_000, examples=[[1, 2, 3]])],
) -> BatchSum:
    """Add up numbers."""
    return BatchSum(count=len(numbers), total=sum(numbers))


@service.job(max_attempts=3, destructive=False, open_world=False)
async def start_long_task(
    ctx: JobContext[None],
    seconds: Annotated[int, Field(ge=1, le=20, examples=[5])],
    payload: Annotated[dict[str, JsonValue] | None, Field(examples=[{"task": "demo"}])] = None,
) -> Echo:
    """Work for some seconds, telling how far it is, then give the payload back."""
    started = time.monotonic()
    for second in range(seconds):
        await ctx.progress(second / seconds, f"{second} of {seconds} seconds")
        await asyncio.sleep(1)
    return Echo(payload=payload or {}, duration_s=time.monotonic() - started)
