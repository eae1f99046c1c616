"""What the Tab key completes besides options: names of tools and ids of jobs, as the server tells them.

A question to the server that takes long or fails completes nothing: a shell is no place for errors.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from toolwire.client import Client

WITHIN_S = 2.0
MOST_JOBS = 30


def tools(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Tools that this client may use, with the first line of their description."""

    async def ask() -> Sequence[tuple[str, str]]:
        async with _client(ctx) as client:
            found = (await client.list_tools(built_in=True)).tools
        return [(tool.name, tool.description.partition("\n")[0]) for tool in found]

    return _beginning_with(incomplete, ask)


def jobs(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """This client's newest jobs, with their tool and status."""

    async def ask() -> Sequence[tuple[str, str]]:
        async with _client(ctx) as client:
            found = (await client.list_jobs(limit=MOST_JOBS)).jobs
        return [(job.job_id, f"{job.tool}, {job.status}") for job in found]

    return _beginning_with(incomplete, ask)


def _client(ctx: typer.Context) -> "Client":
    from toolwire.client import Client

    given = {name: ctx.params.get(name) for name in ("server", "key", "broker", "home")}
    return Client(ctx.params.get("client"), **given, timeout=WITHIN_S)


def _beginning_with(
    incomplete: str, ask: Callable[[], Awaitable[Sequence[tuple[str, str]]]]
) -> list[tuple[str, str]]:
    from toolwire.contracts.errors import ToolwireError

    logging.disable()  # a shell shows whatever is written beside its prompt
    try:
        found = asyncio.run(_in_time(ask))
    except (ToolwireError, TimeoutError):
        return []
    return [(word, help_text) for word, help_text in found if word.startswith(incomplete)]


async def _in_time(ask: Callable[[], Awaitable[Sequence[tuple[str, str]]]]) -> Sequence[tuple[str, str]]:
    async with asyncio.timeout(2 * WITHIN_S):
        return await ask()
