"""The events of one job after the other, seen by many watchers."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from benchmarks.peers.measuring import NUMBERS, WrongAnswer, measure
from benchmarks.toolwire_clients import a_client
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_tools import job_sum
from toolwire.client import Client
from toolwire.client.watching import Watching


async def watch(given: Given) -> None:
    """Jobs one after the other, each from its submission until every watcher has seen its end.

    `in_flight` is the number of watchers; each has a queue of its own.
    """
    async with a_client(given) as client, AsyncExitStack() as opened:
        watches = [client.watch(f"watcher-{number}", events=["done"]) for number in range(given.in_flight)]
        for each in watches:
            await opened.enter_async_context(each)

        async def seen_by_all() -> Mapping[str, float]:
            return await _seen_by_all(client, watches)

        await measure(seen_by_all, 1, given.seconds)


async def _seen_by_all(client: Client, watches: list[Watching]) -> Mapping[str, float]:
    watching = asyncio.gather(*(anext(each) for each in watches))
    job = await client.submit(job_sum, numbers=NUMBERS)
    seen = await watching
    if any(each.job_id != job.id for each in seen):
        raise WrongAnswer("a watcher saw the end of another job")
    return {"total": seen[0].result(job_sum).total}
