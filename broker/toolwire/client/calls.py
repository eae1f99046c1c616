"""What a client can ask: calls, submissions, its jobs, and the server itself."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from pydantic import BaseModel, JsonValue, TypeAdapter
from typing_extensions import Unpack

from toolwire.client.jobs import Job
from toolwire.client.options import Changes, Options
from toolwire.client.questions import Question, Reply, about_job, call_of, submission_of
from toolwire.client.results import accepted_job, outcome, reader_as, reader_of
from toolwire.client.submissions import IN_FLIGHT, Submission, submit_all
from toolwire.contracts.builtin import (
    BUILT_IN,
    LIST_JOBS,
    LIST_TOOLS,
    MAX_LISTED,
    SERVER_IDENTITY,
    Catalogue,
    JobList,
    ServerIdentity,
)
from toolwire.contracts.encoding import JsonText
from toolwire.contracts.errors import DeadlineExceeded, JobNotOver, ToolwireError, UsageError
from toolwire.contracts.jobs import Status
from toolwire.contracts.names import ID_PATTERN, TOOL_PATTERN, is_id, is_tool_name
from toolwire.contracts.signatures import arguments_text
from toolwire.contracts.tools import Contract, JobTool

if TYPE_CHECKING:
    from toolwire.client.exchange import Exchange

P = ParamSpec("P")
R = TypeVar("R")
Read = Callable[[JsonValue], Any]
Given = Mapping[str, Any] | BaseModel
NO_ARGUMENTS: Given = {}


class Calls:
    """Everything that can be asked with one set of options. `Client` is one; `options` gives others."""

    def __init__(self, exchange: "Exchange", options: Options) -> None:
        self._exchange = exchange
        self._options = options
        self._about_job = about_job(exchange, options)

    def options(self, **changes: Unpack[Changes]) -> "Calls":
        """The same client, asking otherwise; `Options` says what each means, and refuses what cannot be."""
        return Calls(self._exchange, self._options.but(**changes))

    # --- calls ---

    @overload
    async def call(self, tool: Contract[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    async def call(
        self, tool: str, args: Given | None = None, /, *, returns: type[R] | TypeAdapter[R]
    ) -> R: ...
    @overload
    async def call(self, tool: str, args: Given | None = None, /) -> JsonValue: ...
    async def call(self, tool: Contract[Any, Any] | str, /, *args: Any, **kwargs: Any) -> Any:
        """The tool's result. A job is followed to its end.

        Ends within the timeout, which is the call's deadline, with the result or one `CallFailed`: what the
        server signed is a `RemoteError`, `JobFailed` or `JobCancelled`, what went wrong on the way has the
        other classes. Arguments that cannot be sent are a `UsageError`; that do not fit, `InvalidArguments`.
        """
        until = asyncio.get_running_loop().time() + self._options.timeout
        answer = await self._begin(*_understood(tool, args, kwargs))
        if not isinstance(answer, Job):
            return answer
        job: Job[Any] = answer  # pyright: ignore[reportUnknownVariableType] - what it gives is the caller's affair
        try:
            return await job.result(timeout=max(0.0, until - asyncio.get_running_loop().time()))
        except JobNotOver:
            raise overdue(job) from None  # its own text says that the job goes on; this one does not

    async def begin(self, tool: str, args: Given | None = None, /) -> Job[JsonValue] | JsonValue:
        """Call a tool by name as `call` does, but give a job back at once instead of following it to its end.

        The call's deadline is the job's.
        """
        answer: Job[JsonValue] | JsonValue = await self._begin(*_understood(tool, (args,), {}))
        return answer

    # --- jobs ---

    @overload
    async def submit(self, tool: JobTool[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Job[R]: ...
    @overload
    async def submit(
        self, tool: str, args: Given | None = None, /, *, returns: type[R] | TypeAdapter[R]
    ) -> Job[R]: ...
    @overload
    async def submit(self, tool: str, args: Given | None = None, /) -> Job[JsonValue]: ...
    async def submit(self, tool: JobTool[Any, Any] | str, /, *args: Any, **kwargs: Any) -> Job[Any]:
        """The job, as soon as a server has it on record.

        Waits for that until the timeout, and raises like `call`, but `NotAccepted` when the time is up: the
        request stays queued, for a replica that comes before the job's deadline.
        """
        name, arguments, read = _understood(tool, args, kwargs)
        question = submission_of(name, arguments, self._options)
        return self._job(question, await self._exchange.ask(question), read)

    async def submit_many(
        self, items: Iterable[Submission[R]], /, *, in_flight: int = IN_FLIGHT
    ) -> list[Job[R] | ToolwireError]:
        """Submit many jobs, `in_flight` of them at a time: the outcome of each, in the order of the items.

            for outcome in await client.submit_many([submission(render, page=page) for page in pages]):
                match outcome:
                    case Job(): ...
                    case ToolwireError(): ...

        An item that fails costs itself alone: its error, which `submit` would raise, stands in its place.
        `items` may be a generator: it is asked for the next item when one can be submitted. What it raises
        ends the whole, and what was submitted until then goes on: with request ids of their own, the same
        items can be submitted again.
        """
        return await submit_all(self, items, in_flight)

    @overload
    def job(
        self, job_id: str, /, *, returns: type[R] | TypeAdapter[R], server: str | None = None
    ) -> Job[R]: ...
    @overload
    def job(self, job_id: str, /, *, server: str | None = None) -> Job[JsonValue]: ...
    def job(
        self,
        job_id: str,
        /,
        *,
        returns: type[Any] | TypeAdapter[Any] | None = None,
        server: str | None = None,
    ) -> Job[Any]:
        """A job that was submitted before, by this process or another one. Nothing is asked yet."""
        if not is_id(job_id):
            raise UsageError(f"a job id must match {ID_PATTERN}; {job_id!r} does not")
        options = self._options.but(server=server)
        following = self._exchange.ledger.follow(options.asked_server(), job_id, None)
        return Job(following, about_job(self._exchange, options), reader_as(job_id, returns))

    async def list_jobs(
        self, *, statuses: Collection[Status] = (), limit: int = MAX_LISTED, before: str | None = None
    ) -> JobList:
        """This client's jobs on the server, newest first; `before` is the last job of the page before."""
        asked = {"statuses": list(statuses), "limit": limit, "before": before}
        return await self._built_in(LIST_JOBS, asked, JobList)

    # --- the server ---

    async def server_identity(self) -> ServerIdentity:
        """Who answers, and what it can do."""
        return await self._built_in(SERVER_IDENTITY, {}, ServerIdentity)

    async def list_tools(self, *, built_in: bool = False) -> Catalogue:
        """The tools that this client may use, as the server describes them.

        `built_in`: also those that every server has.
        """
        return await self._built_in(LIST_TOOLS, {"built_in": True} if built_in else {}, Catalogue)

    # --- what these are made of ---

    async def _begin(self, name: str, arguments: JsonText, read: Read) -> Any:
        """The result or, of a long-running tool, the `Job`."""
        question = call_of(name, arguments, self._options)
        reply = await self._exchange.ask(question)
        if reply.response.status == Status.ACCEPTED and name not in BUILT_IN:
            return self._job(question, reply, read)
        return read(outcome(name, reply.response))

    def _job(self, question: Question, reply: Reply, read: Read) -> Job[Any]:
        # Under a request id of the caller's own, another process may have made the job with its attempts.
        digests = reply.digests if self._options.request_id is None else None
        following = self._exchange.ledger.follow(
            question.server_id, accepted_job(question.tool, reply.response), digests
        )
        if reply.newest is not None:
            following.learn(reply.newest)
        # An earlier attempt may have made the job: what was told since then came to nobody who knew of it.
        following.missed = following.missed or len(reply.digests) > 1
        return Job(
            following,
            self._about_job,
            read,
            request_id=question.request_id,
            deadline_ms=question.deadline_ms,
        )

    async def _built_in(self, tool: str, args: Given, returns: type[R]) -> R:
        return await self.call(tool, args, returns=returns)


def overdue(job: Job[Any]) -> DeadlineExceeded:
    """The error of a call whose job was not over by the call's deadline, which is the job's too."""
    return DeadlineExceeded(
        job.request_id,
        f"the call was accepted as job {job.id}, which was not over by the call's deadline and ends with it. "
        "Give the call more time, or submit the job and follow it.",
    )


def _understood(
    tool: Contract[Any, Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, JsonText, Read]:
    """The tool's name, its arguments as JSON and what reads its result."""
    if isinstance(tool, Contract):
        return tool.name, tool.write(*args, **kwargs), reader_of(tool)
    if not isinstance(tool, str):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody has a type checker
        raise UsageError(f"{tool!r} is no tool: decorate it with @service.tool(), or pass the tool's name")
    if not is_tool_name(tool):
        raise UsageError(f"the tool name {tool!r} must match {TOOL_PATTERN}")
    returns = kwargs.pop("returns", None)
    if kwargs or len(args) > 1:
        raise UsageError(
            f"a tool by name takes its arguments as one mapping or model, and nothing else but returns=; "
            f"timeout and the like go to options(…): client.options(timeout=5).call({tool!r}, {{…}})"
        )
    given: Given | None = args[0] if args else None
    return tool, arguments_text(NO_ARGUMENTS if given is None else given), reader_as(tool, returns)
