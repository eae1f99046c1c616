"""Windows of a request's way that are seen through together: each on a server of its own, with a replica of
its own, while all of them share one broker and one store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.adversity.doomed import Doomed, doomed
from tests.adversity.errands import errands
from tests.adversity.told import Told
from tests.served import Diary
from tests.stage import Stage
from toolwire.client import Interrupted, Job, JobFailed, JobSnapshot, NoReplica
from toolwire.client.calls import Calls
from toolwire.contracts.errors import Code
from toolwire.contracts.history import Happened, HistoryEntry, Why
from toolwire.services import Replica
from toolwire.services.homes.provision import add_server

LEASE_S = 2.0
PATIENCE_S = 60.0
WINDOW_S = 80.0
"""How long one window may take: less than a test, so that it is told which one hangs."""
AT_ONCE = 8
REQUEST_ID = "request-1"

T = TypeVar("T")
W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Scene:
    """One window's own server on the stage."""

    server_id: str
    folder: Path
    settings: dict[str, Any]
    client: Calls
    told: Told

    @property
    def diary(self) -> Diary:
        """What the tools of this server wrote down."""
        return Diary(self.folder)

    @property
    def asking(self) -> Calls:
        """The client, asking under one request id whatever it asks."""
        return self.client.options(request_id=REQUEST_ID)

    def doomed(self, failpoint: str, **changed: Any) -> AbstractAsyncContextManager[Doomed]:
        """A replica in a process of its own, which meets its failpoint."""
        return doomed(self.server_id, self.folder, failpoint, self.settings | changed)

    def replica(self, **changed: Any) -> Replica:
        """A replica in this process, to be entered."""
        return errands(self.server_id, self.folder).running(**self.settings | changed)

    def ran(self, tool: str) -> tuple[int, ...]:
        """The attempts of that tool that left a line, in order."""
        lines = [line.split() for line in self.diary.lines()]
        return tuple(int(attempt) for name, attempt, *_ in lines if name == tool)

    async def called(self, tool: str) -> int | None:
        """What a call gives. None: it was interrupted."""
        try:
            return await served(lambda: self.asking.call(tool, returns=int))
        except Interrupted:
            return None

    async def submitted(self, tool: str) -> Job[int]:
        """The job, whichever attempt at submitting it makes it."""
        return await served(lambda: self.asking.submit(tool, returns=int))

    async def settled(self, job: Job[int]) -> JobSnapshot:
        """How the job ended, which poll, list, the client's events and the wire tell alike, and once."""
        *_, last = [event async for event in job.events()]
        polled = await job.poll()
        story = await self.told.story(job.id)
        assert [snapshot.final for snapshot in story].count(True) == 1
        assert polled == last.snapshot == story[-1]
        assert polled in (await self.client.list_jobs()).jobs
        return polled


async def served(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again where nobody was there: on a busy machine the next replica may take its time."""
    while True:
        try:
            return await ask()
        except NoReplica:
            continue


async def given_by(job: Job[int]) -> int | None:
    """What a job gives. None: it was interrupted."""
    try:
        return await job.result(timeout=PATIENCE_S)
    except JobFailed as failed:
        if failed.code is not Code.INTERRUPTED:
            raise
        return None


def in_words(entries: Sequence[HistoryEntry]) -> list[tuple[Happened, int, Why | None]]:
    """A history without times and names."""
    return [(entry.event, entry.attempt, entry.why) for entry in entries]


async def see_through(
    windows: Sequence[W], through: Callable[[W, Scene], Awaitable[None]], stage: Stage, store_url: str
) -> None:
    """See every window through, several at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def see(window: W, scene: Scene) -> None:
        async with places:
            try:
                async with asyncio.timeout(WINDOW_S):
                    await through(window, scene)
            except BaseException as error:
                error.add_note(f"in the window: {window}")
                raise

    folders = [stage.home.path / f"window-{number}" for number in range(len(windows))]
    for folder in folders:
        folder.mkdir()
        add_server(stage.home, folder.name)
    settings = {"home": stage.home.path, "broker_url": stage.url, "store": store_url}
    settings |= {"lease_s": LEASE_S, "job_slots": 1}
    async with (
        stage.client(timeout=PATIENCE_S) as client,
        Told(stage.url, stage.home) as told,
        asyncio.TaskGroup() as group,
    ):
        for window, folder in zip(windows, folders, strict=True):
            asking = client.options(server=folder.name)
            group.create_task(see(window, Scene(folder.name, folder, settings, asking, told)))
