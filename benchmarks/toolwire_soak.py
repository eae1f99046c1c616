"""Hours at a moderate and constant rate: latency and memory must not grow."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.peers.measuring import NUMBERS, percentile_ms, say
from benchmarks.toolwire_clients import a_client
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_replicas import memory_mib, resident_mib
from benchmarks.toolwire_tools import batch_sum, job_sum, recorded_sum
from toolwire.client import Client

CALLS_A_SECOND = 50
RECORDED_A_SECOND = 10
JOBS_A_SECOND = 5
MINUTE_S = 60.0


async def endure(given: Given) -> None:
    """Calls with and without a record and jobs, at fixed rates, with a look once a minute."""
    async with a_client(given) as client:
        steady = _Steady(given)
        await asyncio.sleep(1.0)
        say(warm=True)
        until = time.monotonic() + given.seconds
        async with asyncio.TaskGroup() as working:
            for rate, ask in _rates(client):
                working.create_task(steady.keep(rate, ask, until))
            working.create_task(steady.watch(until))
        steady.tell()


def _rates(client: Client) -> list[tuple[int, Callable[[], Awaitable[object]]]]:
    async def job() -> None:
        await (await client.submit(job_sum, numbers=NUMBERS)).result()

    return [
        (CALLS_A_SECOND, lambda: client.call(batch_sum, numbers=NUMBERS)),
        (RECORDED_A_SECOND, lambda: client.call(recorded_sum, numbers=NUMBERS)),
        (JOBS_A_SECOND, job),
    ]


@dataclass(slots=True)
class _Steady:
    """What was seen in each minute."""

    given: Given
    done: int = 0
    minute: list[float] = field(default_factory=list[float])
    p50: list[float | None] = field(default_factory=list[float | None])
    p99: list[float | None] = field(default_factory=list[float | None])
    replica_mib: list[float] = field(default_factory=list[float])
    client_mib: list[float] = field(default_factory=list[float])

    async def keep(self, rate: int, ask: Callable[[], Awaitable[object]], until: float) -> None:
        """Begin so many a second, however long each takes."""
        async with asyncio.TaskGroup() as asked:
            while time.monotonic() < until:
                asked.create_task(self._timed(ask))
                await asyncio.sleep(1 / rate)

    async def watch(self, until: float) -> None:
        """Look once a minute, and at the end."""
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(MINUTE_S, left))
            took, self.minute = sorted(self.minute), []
            self.p50.append(percentile_ms(took, 0.50))
            self.p99.append(percentile_ms(took, 0.99))
            self.replica_mib.append(memory_mib(self.given.folder))
            self.client_mib.append(resident_mib(os.getpid()))

    async def _timed(self, ask: Callable[[], Awaitable[object]]) -> None:
        began = time.perf_counter()
        await ask()
        self.minute.append(time.perf_counter() - began)
        self.done += 1

    def tell(self) -> None:
        """Say it all."""
        say(
            done=self.done,
            seconds=self.given.seconds,
            errors=0,
            p50_ms_by_minute=self.p50,
            p99_ms_by_minute=self.p99,
            memory_mib_by_minute=self.replica_mib,
            client_mib_by_minute=self.client_mib,
            memory_mib=self.replica_mib[-1],
        )
