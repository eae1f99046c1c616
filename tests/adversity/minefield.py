"""A service whose tools end their own process, SIGKILL, where they are told to."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.served import Diary
from toolwire.services import Service, ToolContext

MINE = 13
"""The step that kills."""


def minefield(server_id: str, folder: Path) -> Service[Diary]:
    """The service of that name, whose tools write into the diary in `folder`."""

    @asynccontextmanager
    async def open_diary() -> AsyncGenerator[Diary]:
        yield Diary(folder)

    service = Service(server_id, lifespan=open_diary)

    @service.tool(read_only=True, context=True)
    async def look(ctx: ToolContext[Diary], at: int) -> int:  # pyright: ignore[reportUnusedFunction] - it has it
        return _stepped(ctx, at)

    @service.tool(context=True)
    async def step(ctx: ToolContext[Diary], at: int) -> int:  # pyright: ignore[reportUnusedFunction] - the same
        return _stepped(ctx, at)

    return service


def _stepped(ctx: ToolContext[Diary], at: int) -> int:
    ctx.state.note(f"{ctx.tool} {at}")
    if at == MINE:
        os.kill(os.getpid(), signal.SIGKILL)
    return at
