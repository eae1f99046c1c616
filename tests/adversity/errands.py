"""A service for the tests of crashes, under as many names as there are windows: each run leaves a line."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.served import Diary
from toolwire.services import JobContext, Service, ToolContext


def errands(server_id: str, folder: Path) -> Service[Diary]:
    """The service of that name, whose tools write into the diary in `folder`. They give their attempt."""

    @asynccontextmanager
    async def open_diary() -> AsyncGenerator[Diary]:
        yield Diary(folder)

    service = Service(server_id, lifespan=open_diary)

    @service.tool(read_only=True, context=True)
    async def look(ctx: ToolContext[Diary]) -> int:  # pyright: ignore[reportUnusedFunction] - the service has it
        return _ran(ctx)

    @service.tool(context=True)
    async def once(ctx: ToolContext[Diary]) -> int:  # pyright: ignore[reportUnusedFunction] - the same
        return _ran(ctx)

    @service.tool(idempotent=True, context=True)
    async def again(ctx: ToolContext[Diary]) -> int:  # pyright: ignore[reportUnusedFunction] - the same
        return _ran(ctx)

    @service.job()
    async def once_job(ctx: JobContext[Diary]) -> int:  # pyright: ignore[reportUnusedFunction] - the same
        return _ran(ctx)

    @service.job(max_attempts=3)
    async def again_job(ctx: JobContext[Diary]) -> int:  # pyright: ignore[reportUnusedFunction] - the same
        return _ran(ctx)

    @service.job()
    async def long_job(  # pyright: ignore[reportUnusedFunction] - the same
        ctx: JobContext[Diary], gate: str = "gate"
    ) -> int:
        ctx.state.note(f"{ctx.tool} {ctx.attempt} {gate}")
        await ctx.state.passed(gate)
        ctx.state.note(f"{ctx.tool} {ctx.attempt} {gate} is over")
        return ctx.attempt

    return service


def _ran(ctx: ToolContext[Diary]) -> int:
    ctx.state.note(f"{ctx.tool} {ctx.attempt}")
    return ctx.attempt
