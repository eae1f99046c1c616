"""Watchers hear of jobs: their own and those that the registry grants, each event at least once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.served import Made, bake, count_up
from tests.stage import CLIENTS, PATIENCE_S, Stage, at_the_gate
from tests.waiting import wait_until
from toolwire.client import (
    Accepted,
    Client,
    ConfigurationError,
    Done,
    Job,
    Progressed,
    Seen,
    Started,
    request_id_for,
)
from toolwire.client.watching import Watching

OWNER, WATCHER = CLIENTS


def watcher(stage: Stage, *watches: str) -> Client:
    """A client that may watch those."""
    stage.limit(WATCHER, watch=list(watches))
    return stage.client(WATCHER)


async def next_of(watching: AsyncIterator[Seen]) -> Seen:
    """The next event, soon."""
    return await asyncio.wait_for(anext(watching), PATIENCE_S)


@asynccontextmanager
async def crashing(watching: Watching) -> AsyncGenerator[Watching]:
    """The watch, in a program that breaks at the end of the block: its last event is not handled."""
    with suppress(ZeroDivisionError):
        async with watching:
            yield watching
            raise ZeroDivisionError


async def test_a_watcher_sees_the_jobs_of_a_granted_client(stage: Stage) -> None:
    async with (
        stage.replica(),
        stage.client() as owner,
        watcher(stage, OWNER) as other,
        other.watch("desk", tools=[bake]) as watching,
    ):
        async with at_the_gate(stage, owner) as (job, _):
            pass
        seen = [await next_of(watching) for _ in range(4)]
        assert [type(each.event) for each in seen] == [Accepted, Started, Progressed, Done]
        assert {(each.client_id, each.request_id, each.job_id) for each in seen} == {
            (OWNER, job.request_id, job.id)
        }
        assert seen[-1].result(bake) == await job.result() == Made(payload={"task": "demo"}, attempt=1)
        assert seen[-1].snapshot == await job.poll()


async def test_events_wait_for_a_watcher_that_comes_later(stage: Stage) -> None:
    """Also for a client's own jobs, whose submitter has gone: fire and forget."""
    async with stage.replica():
        async with stage.client() as client:
            await client.watch("later", events=["done"]).subscribe()
            job = await client.submit(count_up, 1)
            await job.result()
        async with stage.client() as client, client.watch("later", events=["done"]) as watching:
            seen = await next_of(watching)
            assert (seen.job_id, seen.result(count_up)) == (job.id, 1)


async def test_an_event_that_was_not_handled_comes_again_and_no_other(stage: Stage) -> None:
    def looking(client: Client) -> Watching:
        return client.watch("desk", events=["done"])

    async with stage.replica(), stage.client() as client:
        await looking(client).subscribe()
        ids = [(await client.submit(count_up, number)).id for number in (1, 2)]
        async with crashing(looking(client)) as watching:
            first = await next_of(watching)
            second = await next_of(watching)
        assert {first.job_id, second.job_id} == set(ids)
        async with looking(client) as watching:
            assert await next_of(watching) == second
        # The block ended without an exception: that one is handled, too.
        third = await client.submit(count_up, 3)
        async with looking(client) as watching:
            assert (await next_of(watching)).job_id == third.id


async def test_watchers_of_one_name_share_and_of_two_names_all_see(stage: Stage) -> None:
    seen: dict[str, list[str]] = {"a1": [], "a2": [], "b": []}

    async def look(watching: Watching, who: str) -> None:
        async for each in watching:
            seen[who].append(each.job_id)

    async with (
        stage.replica(),
        stage.client() as client,
        client.watch("a", events=["done"]) as one,
        client.watch("a", events=["done"]) as another,
        client.watch("b", events=["done"]) as all_of_them,
        asyncio.TaskGroup() as group,
    ):
        looking = [
            group.create_task(look(watching, who))
            for watching, who in zip((one, another, all_of_them), seen, strict=True)
        ]
        jobs = sorted([(await client.submit(count_up, 1)).id for _ in range(20)])
        await wait_until(lambda: sorted(seen["b"]) == jobs, PATIENCE_S, "all jobs seen by one name")
        await wait_until(
            lambda: sorted(seen["a1"] + seen["a2"]) == jobs, PATIENCE_S, "and, between two, by the other"
        )
        for task in looking:
            task.cancel()
    assert seen["a1"]
    assert seen["a2"]


@pytest.mark.promise("P4")
async def test_a_repeated_event_runs_the_next_step_once(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        await client.watch("steps", tools=[count_up], events=["done"]).subscribe()
        await client.submit(count_up, 1)

        async def react() -> Job[Made]:
            """Submit the next step, and break before its event is handled."""
            async with crashing(client.watch("steps", tools=[count_up], events=["done"])) as watching:
                request_id = request_id_for((await next_of(watching)).job_id, "bake")
                return await client.options(request_id=request_id).submit(bake, "gate")

        one, two = await react(), await react()
        stage.diary.open("gate")
        assert one.id == two.id
        assert (await one.result()).attempt == 1
        assert stage.diary.lines().count("bake gate 1") == 1


@pytest.mark.promise("P6")
async def test_nobody_watches_whom_the_registry_does_not_grant(stage: Stage) -> None:
    async with stage.replica(), stage.client() as owner, watcher(stage) as other:
        with pytest.raises(ConfigurationError, match="may not watch"):
            other.watch("desk", clients=[OWNER])
        async with other.watch("desk", events=["done"]) as watching:
            await (await owner.submit(count_up, 1)).result()
            own = await other.submit(count_up, 2)
            assert (await next_of(watching)).job_id == own.id
        assert dict(other.dropped) == {}, "not even the broker sent it"


async def test_a_watch_that_is_over_ends_the_loop(stage: Stage) -> None:
    async with stage.client() as client:
        async with client.watch("desk") as watching:
            waiting = asyncio.ensure_future(anext(watching, None))
            await asyncio.sleep(0)
        assert await waiting is None
