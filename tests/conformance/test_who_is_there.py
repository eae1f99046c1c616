"""Absent servers, absent replicas, absent clients, and other people's jobs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.conformance.conftest import PATIENCE_S
from tests.conformance.test_jobs import noted
from tests.served import SERVER, Diary, add, bake, book, count_up
from tests.waiting import POLL_EVERY, wait_until
from toolwire.broker.consume import Delivery, Subscription
from toolwire.broker.topology import call_queue
from toolwire.client import (
    AccessDenied,
    ClientClosed,
    DeadlineExceeded,
    Job,
    JobNotFound,
    NoReplica,
    NoSuchServer,
    Status,
)
from toolwire.testing import Bench


async def test_a_server_that_nobody_knows_is_told_at_once(bench: Bench) -> None:
    async with bench.client() as client:
        with pytest.raises(NoSuchServer):
            await client.call(add, numbers=[1])
        with pytest.raises(NoSuchServer):
            await client.options(server="never-heard-of").call(add, numbers=[1])


async def test_a_call_without_a_replica_ends_soon(bench: Bench) -> None:
    async with bench.running():
        pass
    async with bench.client() as client:
        with pytest.raises(NoReplica):
            await client.options(timeout=PATIENCE_S).call(add, numbers=[1])


async def test_a_submission_waits_for_a_replica(bench: Bench, diary: Diary) -> None:
    diary.open("gate")
    async with bench.running():
        pass
    async with bench.client() as client:
        async with routed(bench) as seen:
            submitting = asyncio.create_task(client.submit(bake, "gate"))
            await wait_until(lambda: seen, PATIENCE_S, "the submission waits in the queue")
        async with bench.running():
            assert (await (await submitting).result(timeout=PATIENCE_S)).attempt == 1


@asynccontextmanager
async def routed(bench: Bench) -> AsyncGenerator[list[Delivery]]:
    """The requests that come into the server's queue, seen in a second queue that is bound as that one is."""
    seen: list[Delivery] = []
    beside = replace(call_queue(SERVER), name="beside", durable=False, exclusive=True, arguments={})
    subscription = Subscription(lambda: beside, 10, seen.append)
    async with bench.transport.consumer(name="beside", subscriptions=[subscription]) as receiver:
        await receiver.wait_ready(PATIENCE_S)
        yield seen


@pytest.mark.promise("P7")
async def test_a_call_ends_by_its_deadline(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        began = asyncio.get_running_loop().time()
        with pytest.raises(DeadlineExceeded):  # both ends look at their clocks, and either may be the first
            await client.options(timeout=0.5).call("peek", {"gate": "never"})
        assert asyncio.get_running_loop().time() - began < PATIENCE_S


async def test_closing_the_client_ends_its_waiting(bench: Bench, diary: Diary) -> None:
    async with bench.running():
        async with bench.client() as client:
            calling = asyncio.create_task(client.call("peek", {"gate": "gate"}))
            await noted(diary, "peek gate")
        with pytest.raises(ClientClosed):
            await calling
        diary.open("gate")


async def test_another_replica_takes_what_one_leaves(bench: Bench) -> None:
    async with bench.client() as client, bench.replica():
        async with bench.replica():
            assert await client.call(book, item="tea") == 1
        assert await client.call(book, item="tea") == 2


@pytest.mark.promise("P5")
async def test_another_clients_job_and_no_job_look_the_same(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client("client-001") as owner, bench.client("client-002") as other:
        job = await owner.submit(bake, "gate")
        told: set[str] = set()
        for asking in (other.job(job.id).poll(), other.job(job.id).cancel(), other.job("no-such-job").poll()):
            with pytest.raises(JobNotFound) as refused:
                await asking
            told.add(refused.value.error.model_dump_json())
        assert len(told) == 1
        assert not (await other.list_jobs()).jobs
        assert not (await job.poll()).final
        diary.open("gate")
        assert (await job.result(timeout=PATIENCE_S)).attempt == 1


async def test_a_request_id_is_its_clients_own(bench: Bench) -> None:
    async with bench.running(), bench.client("client-001") as one, bench.client("client-002") as other:
        assert await one.options(request_id="order-17").call(book, "table") == 1
        assert await other.options(request_id="order-17").call(book, "chair") == 2


async def over(job: Job[object]) -> None:
    """Wait for the end of a job whose events go to another instance."""
    async with asyncio.timeout(PATIENCE_S):
        while not (await job.poll()).final:  # noqa: ASYNC110 - nothing tells this instance
            await asyncio.sleep(POLL_EVERY)


async def test_what_was_told_to_a_named_instance_waits_for_it(bench: Bench) -> None:
    async with bench.running():
        async with bench.client(instance="desk-1") as before:
            job_id = (await before.submit(count_up, 1)).id
        async with bench.client("client-001") as another:
            await over(another.job(job_id))
        async with bench.client(instance="desk-1") as later:
            job = later.job(job_id, returns=int)
            assert await job.result(timeout=PATIENCE_S) == 1
            assert (await job.poll()).status is Status.DONE


async def test_a_named_instance_is_there_once(bench: Bench) -> None:
    async with bench.running(), bench.client(instance="desk-1") as first:
        assert await first.call(add, numbers=[1])
        async with bench.client(instance="desk-1") as second:
            with pytest.raises(AccessDenied):
                await second.call(add, numbers=[1])


async def test_replicas_are_counted(bench: Bench) -> None:
    async with bench.transport.publisher(name="look") as look, bench.running():
        await look.wait_connected(PATIENCE_S)
        assert await look.consumers(call_queue(bench.service.server_id).name) == 1
        async with bench.replica():
            assert await look.consumers(call_queue(bench.service.server_id).name) == 2
        assert await look.consumers("tw.call.never-heard-of") is None
