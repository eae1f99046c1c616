"""A replica dies at each arrow of a request's way, and another one goes on: what the client then sees.

Each window is a server of its own with one replica, which ends at one failpoint. All windows of a test share
one broker and one store, and go through it at the same time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TypeVar

import pytest

from tests.adversity.doomed import Doomed
from tests.adversity.windows import PATIENCE_S, Scene, given_by, in_words, see_through
from tests.stage import Stage
from tests.waiting import wait_until
from toolwire.contracts.history import Happened, Why

pytestmark = pytest.mark.timeout(180)  # many windows share it, and a busy machine

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """Where the replica dies, in the middle of which tool, and what comes of it."""

    failpoint: str
    tool: str
    ran: tuple[int, ...]
    """The attempts that left their line, in order."""
    gives: int | None
    """The attempt whose result the client gets. None: it is told that it was interrupted."""
    turn: int = 1
    busy: bool = False
    """The replica's only slot is taken by another job, so that this one waits."""

    def __str__(self) -> str:
        return f"{self.tool} at {self.failpoint}@{self.turn}"


CALLS = (
    Window("claim.written", "once", (1,), 1),
    Window("claim.committed", "once", (), None),
    Window("run.ready", "once", (), None),
    Window("run.returned", "once", (1,), None),
    Window("record.written", "once", (1,), None),
    Window("record.committed", "once", (1,), 1),
    Window("answer.ready", "once", (1,), 1),
    Window("answer.sent", "once", (1,), 1),
    Window("ack.ready", "once", (1,), 1),
    # What may run again does.
    Window("claim.committed", "again", (2,), 2),
    Window("run.returned", "again", (1, 2), 2),
    Window("record.written", "again", (1, 2), 2),
    Window("record.committed", "again", (1,), 1),
    # Without a record, the broker's redelivery is all.
    Window("run.ready", "look", (1,), 1),
    Window("run.returned", "look", (1, 1), 1),
)
SUBMISSIONS = (
    Window("accept.written", "once_job", (1,), 1, turn=2, busy=True),
    Window("accept.committed", "once_job", (1,), 1, turn=2, busy=True),
    Window("answer.ready", "once_job", (1,), 1, turn=2, busy=True),
    Window("answer.sent", "once_job", (1,), 1, turn=2, busy=True),
    Window("ack.ready", "once_job", (1,), 1, turn=2, busy=True),
    # The third row is its `accepted`, after two of the job in the slot.
    Window("tell.ready", "once_job", (1,), 1, turn=3, busy=True),
    Window("tell.sent", "once_job", (1,), 1, turn=3, busy=True),
    Window("tell.marked", "once_job", (1,), 1, turn=3, busy=True),
)
JOBS = (
    Window("take.written", "once_job", (1,), 1),
    Window("take.committed", "once_job", (), None),
    Window("run.returned", "once_job", (1,), None),
    Window("record.committed", "once_job", (1,), 1),
    Window("take.written", "again_job", (1,), 1),
    Window("take.committed", "again_job", (2,), 2),
    Window("run.ready", "again_job", (2,), 2),
    Window("run.returned", "again_job", (1, 2), 2),
    Window("record.written", "again_job", (1, 2), 2),
    Window("record.committed", "again_job", (1,), 1),
    # The third row is its `done`, after `accepted` and `started`.
    Window("tell.ready", "again_job", (1,), 1, turn=3),
    Window("tell.sent", "again_job", (1,), 1, turn=3),
    Window("tell.marked", "again_job", (1,), 1, turn=3),
)


async def call_through(window: Window, scene: Scene) -> None:
    """The call has one ending, which every later attempt is told as well."""
    asked, _ = await crash(window, scene, lambda: scene.called(window.tool))
    async with scene.replica():
        assert await asked == window.gives
        if window.tool != "look":  # what makes no record runs for each attempt
            assert await scene.called(window.tool) == window.gives
    assert scene.ran(window.tool) == window.ran


async def job_through(window: Window, scene: Scene) -> None:
    """The job has one ending, told by events, poll, list and result alike, and its history tells why."""
    asked, lost = await crash(window, scene, lambda: scene.submitted(window.tool))
    async with scene.replica() as successor:
        job = await asked
        assert await given_by(job) == window.gives
        ended = await scene.settled(job)
        assert (await scene.submitted(window.tool)).id == job.id
        assert await job.poll() == ended
        history = (await job.history()).entries
        assert in_words(history) == expected_history(window)
        assert {entry.replica for entry in history} <= {lost.name, successor.name}
    assert scene.ran(window.tool) == window.ran


async def crash(
    window: Window, scene: Scene, ask: Callable[[], Coroutine[None, None, T]]
) -> tuple[asyncio.Task[T], Doomed]:
    """Ask while a replica is there that ends at the failpoint; the question waits for another one."""
    async with scene.doomed(f"{window.failpoint}@{window.turn}") as lost:
        if window.busy:
            await scene.client.submit("long_job")
            await wait_until(scene.diary.lines, PATIENCE_S, "a job in the slot")
        asked = asyncio.create_task(ask())
        try:
            await lost.died(window.failpoint)
        except BaseException:
            asked.cancel()
            raise
    scene.diary.open("gate")
    return asked, lost


def expected_history(window: Window) -> list[tuple[Happened, int, Why | None]]:
    """What every lost attempt leaves."""
    begun: list[tuple[Happened, int, Why | None]] = [
        (Happened.ACCEPTED, 0, None),
        (Happened.STARTED, 1, None),
    ]
    if window.gives is None:
        return [*begun, (Happened.ERROR, 1, Why.LEASE_LOST)]
    if window.gives == 2:
        begun += [(Happened.RETRYING, 1, Why.LEASE_LOST), (Happened.STARTED, 2, None)]
    return [*begun, (Happened.DONE, window.gives, None)]


@pytest.mark.promise("P4", "P7", "P8")
async def test_a_call_has_one_ending_wherever_its_replica_dies(stage: Stage, store_url: str) -> None:
    await see_through(CALLS, call_through, stage, store_url)


@pytest.mark.promise("P7", "P8")
async def test_a_job_that_was_submitted_to_a_dying_replica_runs_once(stage: Stage, store_url: str) -> None:
    await see_through(SUBMISSIONS, job_through, stage, store_url)


@pytest.mark.promise("P4", "P7", "P8")
async def test_a_job_has_one_ending_wherever_its_replica_dies(stage: Stage, store_url: str) -> None:
    await see_through(JOBS, job_through, stage, store_url)
