"""What a client can ask, for callers without an event loop."""

from collections.abc import Collection, Iterable
from typing import Any, ParamSpec, TypeVar, overload

from pydantic import JsonValue, TypeAdapter
from typing_extensions import Unpack

from toolwire.client.calls import Calls, Given
from toolwire.client.jobs import Job
from toolwire.client.options import Changes
from toolwire.client.submissions import IN_FLIGHT, Submission
from toolwire.client.sync_jobs import SyncJob
from toolwire.client.sync_loop import LoopThread
from toolwire.contracts.builtin import MAX_LISTED, Catalogue, JobList, ServerIdentity
from toolwire.contracts.errors import ToolwireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.tools import Contract, JobTool

P = ParamSpec("P")
R = TypeVar("R")


class SyncCalls:
    """`Calls` whose methods wait. Each does and raises what the method of that name does there."""

    def __init__(self, thread: LoopThread, calls: Calls) -> None:
        self._thread = thread
        self._calls = calls

    def options(self, **changes: Unpack[Changes]) -> "SyncCalls":
        """The same client, asking otherwise."""
        return SyncCalls(self._thread, self._calls.options(**changes))

    @overload
    def call(self, tool: Contract[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def call(self, tool: str, args: Given | None = None, /, *, returns: type[R] | TypeAdapter[R]) -> R: ...
    @overload
    def call(self, tool: str, args: Given | None = None, /) -> JsonValue: ...
    def call(self, tool: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The tool's result. A job is followed to its end."""
        return self._thread.run(lambda: self._calls.call(tool, *args, **kwargs))

    def begin(self, tool: str, args: Given | None = None, /) -> SyncJob[JsonValue] | JsonValue:
        """Call a tool by name, but give a job back at once instead of following it to its end."""
        answer = self._thread.run(lambda: self._calls.begin(tool, args))
        return SyncJob(self._thread, answer) if isinstance(answer, Job) else answer

    @overload
    def submit(self, tool: JobTool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> SyncJob[R]: ...
    @overload
    def submit(
        self, tool: str, args: Given | None = None, /, *, returns: type[R] | TypeAdapter[R]
    ) -> SyncJob[R]: ...
    @overload
    def submit(self, tool: str, args: Given | None = None, /) -> SyncJob[JsonValue]: ...
    def submit(self, tool: Any, /, *args: Any, **kwargs: Any) -> SyncJob[Any]:
        """The job, as soon as a server has it on record."""
        return SyncJob(self._thread, self._thread.run(lambda: self._calls.submit(tool, *args, **kwargs)))

    def submit_many(
        self, items: Iterable[Submission[R]], /, *, in_flight: int = IN_FLIGHT
    ) -> list[SyncJob[R] | ToolwireError]:
        """Submit many jobs, `in_flight` of them at a time: the outcome of each, in the order of the items."""
        given = list(items)  # here, in the caller's thread: a generator may block, or ask this very client
        outcomes = self._thread.run(lambda: self._calls.submit_many(given, in_flight=in_flight))
        return [SyncJob(self._thread, each) if isinstance(each, Job) else each for each in outcomes]

    @overload
    def job(
        self, job_id: str, /, *, returns: type[R] | TypeAdapter[R], server: str | None = None
    ) -> SyncJob[R]: ...
    @overload
    def job(self, job_id: str, /, *, server: str | None = None) -> SyncJob[JsonValue]: ...
    def job(self, job_id: str, /, *, returns: Any = None, server: str | None = None) -> SyncJob[Any]:
        """A job that was submitted before, by this process or another one. Nothing is asked yet."""

        async def found() -> Job[Any]:  # in the loop's thread: what is followed is written down there
            return self._calls.job(job_id, returns=returns, server=server)

        return SyncJob(self._thread, self._thread.run(found))

    def list_jobs(
        self, *, statuses: Collection[Status] = (), limit: int = MAX_LISTED, before: str | None = None
    ) -> JobList:
        """This client's jobs on the server, newest first; `before` is the last job of the page before."""
        return self._thread.run(lambda: self._calls.list_jobs(statuses=statuses, limit=limit, before=before))

    def server_identity(self) -> ServerIdentity:
        """Who answers, and what it can do."""
        return self._thread.run(self._calls.server_identity)

    def list_tools(self, *, built_in: bool = False) -> Catalogue:
        """The tools that this client may use; `built_in`: also those that every server has."""
        return self._thread.run(lambda: self._calls.list_tools(built_in=built_in))
