"""Toolwire's calls, from independent callers who share one client."""

from collections.abc import Awaitable, Callable, Mapping

from benchmarks.peers.measuring import NUMBERS, arguments, measure
from benchmarks.toolwire_clients import a_client
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_tools import batch_sum, recorded_sum
from toolwire.client import Client

Ask = Callable[[], Awaitable[Mapping[str, float]]]


async def call(given: Given) -> None:
    """As many as are answered in that time."""
    async with a_client(given) as client:
        await measure(calling(given, client), given.in_flight, given.seconds)


def calling(given: Given, client: Client) -> Ask:
    """What one caller does again and again."""
    asked = arguments(given.bytes)

    async def plain() -> Mapping[str, float]:
        return {"total": (await client.call(batch_sum, **asked)).total}

    async def recorded() -> Mapping[str, float]:
        return {"total": (await client.call(recorded_sum, numbers=NUMBERS)).total}

    return recorded if given.tool == "recorded_sum" else plain
