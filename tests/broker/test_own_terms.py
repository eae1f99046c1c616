"""Jobs on their authors' terms, all the way: tried again, given up, over the limit, ended in a thread."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.waiting import wait_until
from toolwire.broker.transport import AmqpTransport
from toolwire.client import Client, JobCancelled, JobFailed
from toolwire.contracts.errors import Code
from toolwire.contracts.history import Happened, JobHistory, Why
from toolwire.services import AttemptEnded, Backoff, Fail, JobContext, Retry, Service
from toolwire.testing import Bench

PATIENCE_S = 15.0
WAIT_S = 0.3


class Bakery:
    """Jobs that say how they want to be run, and what they saw."""

    def __init__(self) -> None:
        self.service = service = Service("bakery")
        self.grinding = threading.Event()
        self.told: list[str] = []
        self.mill: threading.Thread | None = None

        @service.job(max_attempts=3, retry_on=(ConnectionError,), backoff=Backoff(first=0.01, longest=0.02))
        async def bake(ctx: JobContext[None]) -> int:
            if ctx.attempt == 1:
                raise Retry(after=WAIT_S, message="the oven is cold")
            if ctx.attempt == 2:
                raise ConnectionResetError("a secret that no caller may see")
            return ctx.attempt

        @service.job(max_attempts=3)
        async def burn(ctx: JobContext[None]) -> None:
            raise Fail("burnt", "The bread is burnt", {"minutes": 40})

        @service.job(max_attempts=2, retry_on=(ConnectionError,), time_limit=0.2)
        async def prove(ctx: JobContext[None]) -> None:
            await asyncio.Event().wait()

        @service.job(max_attempts=3)
        def grind(ctx: JobContext[None]) -> None:
            self.mill = threading.current_thread()
            self.grinding.set()
            try:
                while True:
                    ctx.check()
                    threading.Event().wait(0.005)
            except AttemptEnded as ended:
                self.told.append(ended.reason)
                raise


@pytest.fixture
def bakery() -> Bakery:
    return Bakery()


@pytest_asyncio.fixture
async def client(bakery: Bakery, tmp_path: Path, vhost_url: str) -> AsyncIterator[Client]:
    bench = Bench(bakery.service, tmp_path, AmqpTransport([vhost_url]), lease_s=60, timeout=PATIENCE_S)
    async with bench.running(), bench.client() as client:
        yield client


def reasons(history: JobHistory) -> list[Why | None]:
    ends = {Happened.RETRYING, Happened.DONE, Happened.ERROR, Happened.CANCELLED}
    return [entry.why for entry in history.entries if entry.event in ends]


@pytest.mark.promise("P7")
async def test_retries_refusals_and_limits(client: Client) -> None:
    baking, burning, proving = [await client.submit(name) for name in ("bake", "burn", "prove")]

    assert await baking.result() == 3
    baked = await baking.history()
    assert reasons(baked) == [Why.RETRY_ASKED, Why.BROKE, None]
    [again, *_] = [entry for entry in baked.entries if entry.event is Happened.RETRYING]
    [_, second, _] = [entry for entry in baked.entries if entry.event is Happened.STARTED]
    assert second.at_ms - again.at_ms >= WAIT_S * 1000

    with pytest.raises(JobFailed, match="The bread is burnt") as failed:
        await burning.result()
    assert (failed.value.code, failed.value.reason) == (Code.TOOL_ERROR, "burnt")
    assert (await burning.poll()).attempt == 1

    with pytest.raises(JobFailed) as failed:
        await proving.result()
    assert failed.value.code is Code.TIME_LIMIT_EXCEEDED
    assert reasons(await proving.history()) == [Why.TIME_LIMIT]


@pytest.mark.promise("P7")
async def test_a_cancelled_thread_ends_within_its_next_check(client: Client, bakery: Bakery) -> None:
    """Although the next renewal, which would find out as well, is 20 seconds away."""
    job = await client.submit("grind")
    await wait_until(bakery.grinding.is_set, PATIENCE_S, "it runs")
    await job.cancel()
    with pytest.raises(JobCancelled):
        await job.result()
    await wait_until(
        lambda: bakery.mill is not None and not bakery.mill.is_alive(), PATIENCE_S, "no thread stays behind"
    )
    assert bakery.told == ["cancelled"]
