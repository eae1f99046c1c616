"""Quick calls beside slow ones, on several replicas: no quick call may wait behind a slow one."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from benchmarks.peers.measuring import NUMBERS, say
from benchmarks.toolwire_calls import calling
from benchmarks.toolwire_clients import a_client
from benchmarks.toolwire_latency import percentiles, took
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_tools import slow_sum
from toolwire.client import Client

SLOW_S = 1.0
QUICK_CALLERS = 8
SETTLE_S = 2 * SLOW_S
"""How long slow calls go on before quick ones are looked at."""
ALIKE = 200
"""So many quick answers of a tool make its callers expect more of them."""


async def mix(given: Given) -> None:
    """Quick calls alone, beside `in_flight` slow ones, and beside as many that come together in messages."""
    async with a_client(given) as client, a_client(given) as other:
        quick = calling(given, client)

        async def look() -> list[float]:
            return await took(quick, given.seconds, QUICK_CALLERS)

        await took(quick, SLOW_S, QUICK_CALLERS)
        say(warm=True)
        alone = await look()
        slow = list[float]()
        async with _beside(lambda: _independent(other, given.in_flight, slow)):
            beside = await look()
        together = list[float]()
        async with _beside(lambda: _in_company(other, given.in_flight, together)):
            in_company = await look()
    say(
        **percentiles("quick_alone", alone),
        **percentiles("quick_beside_slow", beside),
        **percentiles("quick_beside_slow_in_company", in_company),
        **percentiles("slow", slow),
        **percentiles("slow_in_company", together),
    )


@asynccontextmanager
async def _beside(work: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    """Slow calls for as long as the block lasts, which begins when they are under way."""
    task = asyncio.ensure_future(work())
    try:
        await asyncio.sleep(SETTLE_S)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _independent(client: Client, callers: int, times: list[float]) -> None:
    """Callers of a slow tool; where each call is slow, each goes in a message of its own."""

    async def caller() -> None:
        while True:
            await _slow(client, SLOW_S, times)

    await asyncio.gather(*(caller() for _ in range(callers)))


async def _in_company(client: Client, callers: int, times: list[float]) -> None:
    """The same calls after many that were quick, so that they go in messages of many lines."""
    while True:
        await asyncio.gather(*(_slow(client, 0.0, []) for _ in range(ALIKE)))
        await asyncio.gather(*(_slow(client, SLOW_S, times) for _ in range(callers)))


async def _slow(client: Client, seconds: float, times: list[float]) -> None:
    began = asyncio.get_running_loop().time()
    await client.call(slow_sum, numbers=NUMBERS, seconds=seconds)
    times.append(asyncio.get_running_loop().time() - began)
