"""How long things take that are asked one after the other for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import chain

from benchmarks.peers.measuring import percentile_ms

Ask = Callable[[], Awaitable[object]]


async def took(ask: Ask, seconds: float, in_flight: int = 1) -> list[float]:
    """Seconds of each, sorted; that many callers each ask again as soon as they are answered."""
    until = time.perf_counter() + seconds

    async def caller() -> list[float]:
        times = list[float]()
        while (began := time.perf_counter()) < until:
            await ask()
            times.append(time.perf_counter() - began)
        return times

    return sorted(chain.from_iterable(await asyncio.gather(*(caller() for _ in range(in_flight)))))


def percentiles(name: str, times: list[float]) -> dict[str, float | None]:
    """The median and what one in a hundred exceeds, in milliseconds, under names that begin with `name`."""
    times = sorted(times)
    return {f"{name}_p50_ms": percentile_ms(times, 0.50), f"{name}_p99_ms": percentile_ms(times, 0.99)}
