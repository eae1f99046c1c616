"""A submitted job, for callers without an event loop."""

from collections.abc import AsyncGenerator, Generator
from typing import Generic, TypeVar

from pydantic import JsonValue

from toolwire.client.jobs import Job
from toolwire.client.sync_loop import LoopThread
from toolwire.contracts.builtin import JobOutput
from toolwire.contracts.events import JobEvent
from toolwire.contracts.history import JobHistory
from toolwire.contracts.snapshots import JobSnapshot

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class SyncJob(Generic[R_co]):
    """A `Job` whose methods wait. Each does and raises what the method of that name does there."""

    __slots__ = ("_job", "_thread")

    def __init__(self, thread: LoopThread, job: Job[R_co]) -> None:
        self._thread = thread
        self._job = job

    def __repr__(self) -> str:
        return f"<SyncJob {self.id} of {self.server_id}>"

    @property
    def id(self) -> str:
        """What the server knows it by."""
        return self._job.id

    @property
    def server_id(self) -> str:
        """Whose job it is."""
        return self._job.server_id

    @property
    def request_id(self) -> str | None:
        """That of the submission; None for a job that `client.job(id)` found again."""
        return self._job.request_id

    @property
    def deadline_ms(self) -> int | None:
        """When it ends at the latest, by its submission; None for a job that `client.job(id)` found again."""
        return self._job.deadline_ms

    def poll(self) -> JobSnapshot:
        """The job as it stands now."""
        return self._thread.run(self._job.poll)

    def cancel(self) -> JobSnapshot:
        """Ask for the job's end, and return how it stands then."""
        return self._thread.run(self._job.cancel)

    def answer(self, value: object, *, key: str | None = None) -> JobSnapshot:
        """Answer what the job asks, and return how it stands then. The first answer counts."""
        return self._thread.run(lambda: self._job.answer(value, key=key))

    def history(self) -> JobHistory:
        """What became of the job so far: every attempt, who made it, and why it was not the last."""
        return self._thread.run(self._job.history)

    def events(self, *, look_every: float | None = None) -> Generator[JobEvent, None, None]:
        """The job's news: `Current` first, then every event that is newer, the final one last."""
        return _walk(self._thread, self._job.events(look_every=look_every))

    def read_output(self, *, after: int = 0) -> JobOutput:
        """What the job put out so far, by its events and attempts, as much as fits a message."""
        return self._thread.run(lambda: self._job.read_output(after=after))

    def outputs(self, *, look_every: float | None = None) -> Generator[JsonValue, None, None]:
        """What the job puts out: each piece once and in order, until the job is over."""
        return _walk(self._thread, self._job.outputs(look_every=look_every))

    def result(self, *, timeout: float | None = None) -> R_co:
        """The job's result, as soon as it is over."""
        return self._thread.run(lambda: self._job.result(timeout=timeout))


def _walk(thread: LoopThread, items: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    async def following() -> tuple[T, ...]:
        async for item in items:
            return (item,)
        return ()

    async def left() -> None:
        await items.aclose()

    try:
        while found := thread.run(following):
            yield from found
    finally:
        # Not waited for: the collector of garbage may end a loop that was left, in any thread.
        thread.finish(left)
