"""A replica stands still past its lease (SIGSTOP) and wakes up: what it lost stays as others settled it.

On PostgreSQL, also in the middle of a transaction, which the server ends after a while. With SQLite that
would keep the file from everybody until the replica goes on; test_kills.py freezes it between transactions.
"""

import asyncio
from dataclasses import dataclass

import pytest

from tests.adversity.doomed import Doomed
from tests.adversity.windows import Scene, given_by, in_words, see_through
from tests.stage import Stage, quick
from toolwire.contracts.history import Happened, Why

pytestmark = pytest.mark.timeout(180)  # many windows share it, and a busy machine

DROPPED = "was taken over; its outcome here is dropped"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Where the replica stands still, and what comes of its tool meanwhile."""

    failpoint: str
    tool: str
    gives: int | None
    ran: tuple[int, ...]


FROZEN = (
    Frozen("run.returned", "again_job", 2, (1, 2)),
    Frozen("run.returned", "once", None, (1,)),
    Frozen("record.written", "again_job", 2, (1, 2)),
    Frozen("record.written", "once_job", None, (1,)),
)


@pytest.mark.promise("P4", "P7", "P10")
async def test_a_replica_that_wakes_up_changes_nothing(stage: Stage, postgres_url: str) -> None:
    async def through(frozen: Frozen, scene: Scene) -> None:
        # With such heartbeats the broker soon gives what the replica holds to another one.
        async with scene.doomed(f"{frozen.failpoint}=stop", broker_url=quick(stage.url)) as stale:
            go = call_through if frozen.tool == "once" else job_through
            await go(frozen, scene, stale)
        assert scene.ran(frozen.tool) == frozen.ran

    await see_through(FROZEN, through, stage, postgres_url)


async def call_through(frozen: Frozen, scene: Scene, stale: Doomed) -> None:
    """The caller is told what was settled, and so is whoever asks after the replica woke up."""
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(scene.called(frozen.tool))
        await stale.stood_still(frozen.failpoint)
        async with scene.replica():
            assert await asked == frozen.gives
            await drops_it(stale)
            assert await scene.called(frozen.tool) == frozen.gives


async def job_through(frozen: Frozen, scene: Scene, stale: Doomed) -> None:
    """The lost attempt is in the history, under the name of who lost it."""
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(scene.submitted(frozen.tool))
        await stale.stood_still(frozen.failpoint)
        async with scene.replica():
            job = await asked
            assert await given_by(job) == frozen.gives
            ended = await scene.settled(job)
            await drops_it(stale)
            assert await job.poll() == ended
            history = (await job.history()).entries
            lost = (Happened.ERROR if frozen.gives is None else Happened.RETRYING, 1, Why.LEASE_LOST)
            assert in_words(history)[1:3] == [(Happened.STARTED, 1, None), lost]
            assert {entry.replica for entry in history[1:3]} == {stale.name}


async def drops_it(stale: Doomed) -> None:
    """Wake it up, and wait until it has noticed."""
    await stale.go_on(lambda: DROPPED in stale.said, "its outcome is dropped")
