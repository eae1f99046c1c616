"""Bounds: no look takes for ever, and no judgement that breaks hides the others."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from toolwire.cli.doctor.finding import Area, Desk, Finding

T = TypeVar("T")

LIMIT_S = 12.0
"""For each look; they run side by side, after the first look at the broker."""


def safely(area: Area, findings: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """A judgement that breaks is a finding: the others are still told."""
    try:
        return list(findings())
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not hide the others
        return [
            Desk(area, "toolwire doctor").error(
                "check_broke",
                f"a check broke: {type(error).__name__}: {error}",
                "this is a mistake in Toolwire: report it with this line",
            )
        ]


async def in_time(work: Awaitable[T], late: T, limit: float = LIMIT_S) -> T:
    """What `work` gives, or `late` when it takes more than `limit` seconds."""
    try:
        async with asyncio.timeout(limit):
            return await work
    except TimeoutError:
        return late


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread that holds up nobody's end: a dead file system may never answer."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if not future.done():
            future.set_exception(error) if error else future.set_result(result)  # type: ignore[arg-type]  # no error, so T

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001 - told to who waits
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="toolwire-doctor", daemon=True).start()
    return await future
