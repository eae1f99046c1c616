"""Waiting for what has no event to await, without sleeping for a guessed time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_EVERY = 0.01  # seconds


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
