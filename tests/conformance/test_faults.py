"""Faults do the same to messages in memory and to those on RabbitMQ."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.conftest import CLIENTS, PATIENCE_S
from tests.served import Diary, book, ferment, service
from toolwire.broker.transport import Transport
from toolwire.client import DeadlineExceeded, Interrupted
from toolwire.testing import Bench, Faults

Faulty = Callable[..., Bench]


@pytest.fixture
def faulty(transport: Transport) -> Faulty:
    """Make a bench with faults."""

    def make(faults: Faults, **given: Any) -> Bench:
        home = os.environ["TOOLWIRE_HOME"]
        return Bench(service, home, transport, clients=CLIENTS, faults=faults, **given)

    return make


@pytest.mark.promise("P4")
async def test_what_is_doubled_and_out_of_order_runs_once(faulty: Faulty) -> None:
    faults = Faults(duplicate=0.5, reorder=0.5, delay=0.02)
    bench = faulty(faults, timeout=PATIENCE_S)
    async with bench.running(), bench.client() as client:
        await asyncio.gather(*(client.call(book, item=f"item-{number}") for number in range(20)))
    lines = Diary(bench.home.path).lines()
    assert sorted(lines) == sorted({f"book item-{number}" for number in range(20)})
    assert faults.injected.keys() >= {"duplicate request", "reorder request", "delay request"}


@pytest.mark.promise("P7")
async def test_what_is_lost_ends_with_the_deadline(faulty: Faulty) -> None:
    bench = faulty(Faults(drop=1.0, kinds={"response"}), timeout=1.0)
    async with bench.running(), bench.client() as client:
        with pytest.raises(DeadlineExceeded):
            await client.call(book, item="tea")


@pytest.mark.promise("P4", "P8")
async def test_a_replica_dies_and_another_takes_its_place(faulty: Faulty) -> None:
    bench = faulty(Faults(crash_after=1), timeout=PATIENCE_S, lease_s=0.5)
    async with bench.running(), bench.client() as client:
        with pytest.raises(Interrupted):
            await client.call(book, item="tea")
        assert await client.call(book, item="coffee") == 2


@pytest.mark.promise("P8")
async def test_a_job_runs_again_when_its_replica_has_died(faulty: Faulty) -> None:
    bench = faulty(Faults(crash_after=1), timeout=PATIENCE_S, lease_s=0.5)
    diary = Diary(bench.home.path)
    for attempt in (1, 2):
        diary.open(f"gate-{attempt}")
    async with bench.running(), bench.client() as client:
        job = await client.submit(ferment, "gate")
        assert (await job.result(timeout=PATIENCE_S)).attempt == 2
