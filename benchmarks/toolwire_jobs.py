"""Toolwire's jobs: how fast they are accepted, and how long one takes from its submission to its end."""

import time
from collections.abc import Iterator, Mapping

from benchmarks.peers.measuring import NUMBERS, WARM_UP_S, measure, say
from benchmarks.toolwire_clients import a_client
from benchmarks.toolwire_options import Given
from benchmarks.toolwire_tools import Sum, job_sum
from toolwire.client import Job, Submission, submission

LATER_S = 3600.0
"""By how much jobs are put off that are not to run while they are counted."""


async def submit(given: Given) -> None:
    """As many submissions as `submit_many` gets accepted in that time. None of the jobs runs yet."""
    async with a_client(given) as client:
        await client.submit_many(_until(time.monotonic() + WARM_UP_S), in_flight=given.in_flight)
        say(warm=True)
        began, cpu = time.monotonic(), time.process_time()
        outcomes = await client.submit_many(_until(began + given.seconds), in_flight=given.in_flight)
        seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu
    accepted = sum(isinstance(outcome, Job) for outcome in outcomes)
    say(done=accepted, seconds=seconds, cpu_s=cpu_s, errors=len(outcomes) - accepted)


async def live(given: Given) -> None:
    """Jobs of independent callers, each of whom submits one and awaits its end."""
    async with a_client(given) as client:

        async def live_once() -> Mapping[str, float]:
            job = await client.submit(job_sum, numbers=NUMBERS)
            return {"total": (await job.result()).total}

        await measure(live_once, given.in_flight, given.seconds)


def _until(end: float) -> Iterator[Submission[Sum]]:
    while time.monotonic() < end:
        yield submission(job_sum, numbers=NUMBERS).options(delay=LATER_S)
