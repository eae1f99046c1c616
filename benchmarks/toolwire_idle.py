"""What a replica costs that nobody asks anything."""

import asyncio

from benchmarks.peers.measuring import say
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_replicas import memory_mib, processor_s

SETTLE_S = 3.0
"""A replica that has just begun has more to do: it looks at its store, and at what is there to be sent."""


async def look(given: Given) -> None:
    """Its share of a processor over that time, and its memory at the end."""
    await asyncio.sleep(SETTLE_S)
    say(warm=True)
    used = processor_s(given.folder)
    await asyncio.sleep(given.seconds)
    share = (processor_s(given.folder) - used) / given.seconds
    say(core_percent=100 * share, memory_mib=memory_mib(given.folder))
