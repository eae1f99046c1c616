"""From asking to the first line of a tool: calls and jobs, on each store, and the medians of one run.

Each kind in turn, so that all have the same weather. The tool gives the time of its first line by the
machine's monotonic clock, which all processes share.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping

from tests.chaos.ground import Ground, tell
from tests.chaos.replica import charge, look, work
from toolwire.client import Client

TIMES = 300
WARM_UP = 30
MS = 1_000_000
MOST_ADDED_MS = 10.0
"""What a job may take longer than a call with a record, in the median: one more commit, and a choice."""

Run = Callable[[int], Awaitable[int]]


async def run(ground: Ground, times: int = TIMES) -> None:
    """One run on each store. AssertionError where a job's way is long."""
    for name, store in (("SQLite", ground.sqlite), ("PostgreSQL", ground.database.url)):
        async with ground.replicas(1, store=store), ground.client() as client:
            took = await _measured(_kinds(client), times)
        for kind, milliseconds in took.items():
            p95 = statistics.quantiles(milliseconds, n=20)[-1]
            tell(
                f"{name}: {kind}: median {_median(milliseconds):.2f} ms, 95 % within {p95:.2f} ms, n={times}"
            )
        for plain in ("a call without a record", "a call with a record"):
            added = _median(took["a job"]) - _median(took[plain])
            tell(f"{name}: a job's first line runs {added:.2f} ms later than that of {plain}")
        assert added < MOST_ADDED_MS, f"{name}: more than {MOST_ADDED_MS:g} ms"


def _kinds(client: Client) -> Mapping[str, Run]:
    async def job(number: int) -> int:
        return await (await client.submit(work, number=number)).result()

    return {
        "a call without a record": lambda _number: client.call(look),
        "a call with a record": lambda number: client.call(charge, number=number),
        "a job": job,
    }


async def _measured(kinds: Mapping[str, Run], times: int) -> Mapping[str, list[float]]:
    """Milliseconds from the request to the tool's first line, for each run of each kind."""
    took: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(WARM_UP + times):
        for name, run_once in kinds.items():
            began = time.monotonic_ns()
            first_line = await run_once(number)
            if number >= WARM_UP:
                took[name].append((first_line - began) / MS)
    return took


def _median(milliseconds: list[float]) -> float:
    return statistics.median(milliseconds)
