"""A replica that is asked to stop finishes what it runs or hands it back, and loses nothing."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.served import add, bake, book, brew, count_up, peek, ship, tidy
from tests.stage import Stage, more_of
from toolwire.client import Interrupted, JobFailed
from toolwire.contracts.errors import Code
from toolwire.services import Replica

LOADERS = 8
GIVE_UP_S = 0.2


@asynccontextmanager
async def leaving(replica: Replica) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
    """A replica that is up. What this gives makes it drain; that returns when the replica has stopped."""
    stopped = False

    async def stop() -> None:
        nonlocal stopped
        stopped = True
        await replica.__aexit__(None, None, None)

    await replica.__aenter__()
    try:
        yield stop
    finally:
        if not stopped:
            await stop()


@pytest.mark.parametrize("tool", [peek, ship], ids=["unrecorded", "recorded"])
async def test_running_calls_are_finished(stage: Stage, tool: object) -> None:
    """SIGTERM ends the process in order, after the answers."""
    name = "peek" if tool is peek else "ship"
    async with stage.process() as replica, stage.client() as client:
        calls = asyncio.gather(*(client.call(name, {"gate": "gate"}) for _ in range(4)))
        await stage.noted(f"{name} gate", times=4)
        replica.terminate()
        stage.diary.open("gate")
        assert await calls == ["gate"] * 4
        assert await replica.ended() == 0


async def test_running_jobs_are_finished_within_the_grace_time(stage: Stage) -> None:
    async with stage.process() as replica, stage.client() as client:
        job = await client.submit(bake, "gate")
        await stage.noted("bake gate 1")
        replica.terminate()
        stage.diary.open("gate")
        assert (await job.result(timeout=15)).attempt == 1
        assert await replica.ended() == 0


@pytest.mark.promise("P8")
async def test_a_job_that_may_run_again_is_handed_back(stage: Stage) -> None:
    """At once: nobody waits for the lease to run out."""
    async with stage.client() as client:
        async with leaving(stage.replica(grace_s=GIVE_UP_S, lease_s=60)) as stop:
            job = await client.submit(brew, "gate")
            await stage.noted("brew gate 1")
            await stop()
        async with stage.replica(lease_s=60):
            await stage.noted("brew gate 2")
            stage.diary.open("gate")
            assert (await job.result(timeout=15)).attempt == 2


@pytest.mark.promise("P7")
async def test_a_job_that_may_not_run_again_is_told_as_interrupted(stage: Stage) -> None:
    async with stage.client() as client:
        async with leaving(stage.replica(grace_s=GIVE_UP_S, lease_s=60)) as stop:
            job = await client.submit(bake, "never")
            await stage.noted("bake never 1")
            await stop()
        async with stage.replica(lease_s=60):
            with pytest.raises(JobFailed) as failed:
                await job.result(timeout=15)
            assert failed.value.code is Code.INTERRUPTED


@pytest.mark.promise("P7")
async def test_a_call_that_may_not_run_again_is_told_as_interrupted(stage: Stage) -> None:
    async with leaving(stage.replica(grace_s=GIVE_UP_S)) as stop, stage.client() as client:
        calling = asyncio.create_task(client.call(ship, "never"))
        await stage.noted("ship never")
        await stop()
        with pytest.raises(Interrupted):
            await calling


@pytest.mark.promise("P7")
async def test_a_call_that_may_run_again_is_run_by_another_replica(stage: Stage) -> None:
    async with leaving(stage.replica(grace_s=GIVE_UP_S, lease_s=60)) as stop, stage.client() as client:
        calling = asyncio.create_task(client.call(tidy, "gate"))
        await stage.noted("tidy gate 1")
        async with stage.replica(lease_s=60):
            await stop()
            await stage.noted("tidy gate 2")
            stage.diary.open("gate")
            assert await calling == 2


@pytest.mark.promise("P8")
async def test_calls_that_only_read_or_have_not_begun_go_to_another_replica(stage: Stage) -> None:
    """One has the only place, the others wait behind it when the replica is asked to stop."""
    async with leaving(stage.replica(places=1, grace_s=GIVE_UP_S)) as stop, stage.client() as client:
        first = asyncio.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        others = [asyncio.create_task(client.call(book, str(number))) for number in range(6)]
        assert (await client.server_identity()).server_id  # behind the others, so they have arrived
        async with stage.replica():
            await stop()
            assert sorted(await asyncio.gather(*others)) == sorted(
                position for position, line in enumerate(stage.diary.lines(), 1) if line.startswith("book")
            )
            stage.diary.open("gate")
            assert await first == "gate"
    assert sorted(line for line in stage.diary.lines() if line.startswith("book")) == [
        f"book {number}" for number in range(6)
    ]


async def test_a_replica_that_has_nothing_to_do_stops_at_once(stage: Stage) -> None:
    """And not after its grace time, which is longer than `ended` waits."""
    async with stage.process(grace_s=600) as replica:
        replica.terminate()
        assert await replica.ended() == 0


@pytest.mark.promise("P4", "P8")
async def test_nothing_is_lost_while_replicas_are_restarted_under_load(stage: Stage) -> None:
    """Every call is answered, every booking happens once, every job is done."""
    booked: list[str] = []
    jobs: list[int] = []
    over = asyncio.Event()

    async def load(loader: int) -> None:
        turn = 0
        while not over.is_set():
            item = f"{loader}-{turn}"
            await client.call(book, item)
            booked.append(f"book {item}")
            assert (await client.call(add, [turn])).total == turn
            if turn % 5 == 0:
                jobs.append(await (await client.submit(count_up, 1)).result(timeout=15))
            turn += 1

    async with stage.client() as client, stage.replica():
        loading = asyncio.gather(*(load(number) for number in range(LOADERS)))
        for _ in range(2):
            async with stage.process() as restarted:
                await more_of(booked, 3 * LOADERS, loading)
                restarted.terminate()
                assert await restarted.ended() == 0
        over.set()
        await loading
    assert sorted(line for line in stage.diary.lines() if line.startswith("book")) == sorted(booked)
    assert jobs == [1] * len(jobs)
