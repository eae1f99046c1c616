"""The connection to PostgreSQL breaks as a replica commits: it reads again, and goes on with what it finds.

The replica stands still at the end of the transaction, so that the very next commit is the one that is cut.
SQLite's commits are lost in tests/unit/services, where `Lossy` stands between a replica's parts and the file.
"""

import asyncio
from dataclasses import dataclass

import pytest

from tests.adversity.commit_cutter import CommitCutter
from tests.adversity.windows import Scene, given_by, see_through
from tests.stage import Stage

pytestmark = pytest.mark.timeout(180)  # many windows share it, and a busy machine

LOST = "the store was lost while committing"


@dataclass(frozen=True, slots=True)
class Cut:
    """Which commit is cut, and whether it was through."""

    failpoint: str
    tool: str
    committed: bool
    attempt: int = 1
    """The one that runs. A take of unknown outcome is handed back, and counts."""


CALLS = tuple(
    Cut(failpoint, "once", committed)
    for failpoint in ("claim.written", "record.written")
    for committed in (False, True)
)
JOBS = (
    Cut("accept.written", "once_job", committed=False),
    Cut("accept.written", "once_job", committed=True),
    Cut("take.written", "once_job", committed=False),
    Cut("take.written", "once_job", committed=True, attempt=2),
    Cut("record.written", "once_job", committed=False),
    Cut("record.written", "once_job", committed=True),
)


async def call_through(cut: Cut, scene: Scene) -> None:
    assert await scene.called(cut.tool) == cut.attempt
    assert await scene.called(cut.tool) == cut.attempt


async def job_through(cut: Cut, scene: Scene) -> None:
    job = await scene.submitted(cut.tool)
    assert await given_by(job) == cut.attempt
    await scene.settled(job)


@pytest.mark.promise("P4", "P7", "P8", "P10")
async def test_what_a_lost_commit_was_about_runs_once_and_ends_once(stage: Stage, postgres_url: str) -> None:
    async def through(cut: Cut, scene: Scene) -> None:
        async with (
            CommitCutter(postgres_url) as proxy,
            scene.doomed(f"{cut.failpoint}=stop", store=proxy.url) as replica,
            asyncio.TaskGroup() as group,
        ):
            go = call_through if cut in CALLS else job_through
            going = group.create_task(go(cut, scene))
            await replica.stood_still(cut.failpoint)
            proxy.cut_next_commit(committed=cut.committed)
            await replica.go_on(lambda: proxy.cuts, "the commit is cut")
            await going
            assert LOST in replica.said
        assert scene.ran(cut.tool) == (cut.attempt,)

    await see_through([*CALLS, *JOBS], through, stage, postgres_url)
