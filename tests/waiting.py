"""Waiting for what has no event to await, without sleeping for a guessed time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_EVERY = 0.01  # seconds
ASK_EVERY = 0.05  # seconds: a question costs more than a look


async def wait_until(predicate: Callable[[], T], timeout: float, description: str) -> T:
    """Poll `predicate` until it is true, and return what it returned.

    Raises AssertionError, naming `description`, when it is still false after `timeout` seconds.
    """
    until = time.monotonic() + timeout
    while not (result := predicate()):
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout:g} s: {description}")
        await asyncio.sleep(POLL_EVERY)
    return result


async def wait_until_told(ask: Callable[[], Awaitable[bool]], timeout: float, description: str) -> None:
    """Ask until the answer is yes, with a pause between: what answers may need this event loop itself.

    Raises AssertionError, naming `description`, when it is still no after `timeout` seconds.
    """
    until = time.monotonic() + timeout
    while not await ask():
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout:g} s: {description}")
        await asyncio.sleep(ASK_EVERY)
