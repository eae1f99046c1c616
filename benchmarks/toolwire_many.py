"""Many instances of a client in a few processes, each with connections, a queue and one call in flight."""

import asyncio
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import chain
from threading import Barrier

from benchmarks.peers.measuring import WARM_UP_S, check, percentile_ms, say
from benchmarks.toolwire_calls import calling
from benchmarks.toolwire_clients import a_client
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_replicas import memory_mib
from toolwire.client import Client

MOST_PROCESSES = 4
CONNECTED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """What the clients of one process saw."""

    took: list[float]
    """Seconds, of each call."""
    cpu_s: float


async def call(given: Given) -> None:
    """As many calls as all clients together get answered in that time."""
    await asyncio.to_thread(_spread, given)


def _spread(given: Given) -> None:
    processes = min(MOST_PROCESSES, given.in_flight)
    spawning = multiprocessing.get_context("spawn")
    with spawning.Manager() as shared, ProcessPoolExecutor(processes, mp_context=spawning) as pool:
        begin = shared.Barrier(processes + 1)
        working = [
            pool.submit(_run, given, len(range(first, given.in_flight, processes)), begin)
            for first in range(processes)
        ]
        begin.wait(CONNECTED_WITHIN_S)
        time.sleep(WARM_UP_S)
        say(warm=True)
        _tell(given, [each.result() for each in working])


def _run(given: Given, clients: int, begin: Barrier) -> Part:
    return asyncio.run(_part(given, clients, begin))


async def _part(given: Given, count: int, begin: Barrier) -> Part:
    """The calls of some of the clients, once all are connected."""
    async with AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(a_client(given)) for _ in range(count)]
        await asyncio.gather(*(calling(given, client)() for client in clients))
        await asyncio.to_thread(begin.wait, CONNECTED_WITHIN_S)
        await _calls(given, clients, WARM_UP_S)
        cpu = time.process_time()
        took = await _calls(given, clients, given.seconds)
        return Part(took, time.process_time() - cpu)


async def _calls(given: Given, clients: list[Client], seconds: float) -> list[float]:
    until = time.perf_counter() + seconds

    async def caller(client: Client) -> list[float]:
        ask, took = calling(given, client), list[float]()
        while (began := time.perf_counter()) < until:
            check(await ask())
            took.append(time.perf_counter() - began)
        return took

    return list(chain.from_iterable(await asyncio.gather(*map(caller, clients))))


def _tell(given: Given, parts: list[Part]) -> None:
    took = sorted(chain.from_iterable(part.took for part in parts))
    say(
        done=len(took),
        seconds=given.seconds,
        cpu_s=sum(part.cpu_s for part in parts),
        p50_ms=percentile_ms(took, 0.50),
        p99_ms=percentile_ms(took, 0.99),
        errors=0,
        memory_mib=memory_mib(given.folder),
    )
