"""Processes for tools that compute: one for each run, which can be ended, and which holds up nobody.

A thread that computes shares the interpreter with the event loop, and cannot be ended. Beside a process the
renewals of leases and the heartbeats of connections go on; and when its time is over it is told to leave
(SIGTERM), and soon after made to (SIGKILL).
"""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from pydantic import JsonValue, ValidationError

from toolwire.contracts.errors import DefinitionError, ToolError
from toolwire.contracts.snapshots import Progress
from toolwire.services.asking.questions import InputRequired
from toolwire.services.declaring.retries import Retry
from toolwire.services.declaring.tools import ServedJob, ServedTool, ToolSpec
from toolwire.services.processes import process_starter
from toolwire.services.processes.crossing import (
    FROM_PROCESS,
    MAX_CROSSING_BYTES,
    Asks,
    BrokeInProcess,
    Call,
    Failed,
    LastWords,
    Order,
    Outcome,
    Oversize,
    ProcessDied,
    Reply,
    Returned,
    TooLarge,
    Unfit,
    WantsRetry,
    Written,
    facts_of,
)
from toolwire.services.processes.starter_handle import LEAVE_S, Run, StarterHandle
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.context import JobContext, ToolContext
from toolwire.services.running.leases import Ending

log = logging.getLogger("toolwire.services")

Calls: TypeAlias = Mapping[str, Callable[[JsonValue], Awaitable[JsonValue]]]
"""The calls of a context that a process may have made here, by name."""

Place: TypeAlias = tuple[str, str]
"""Where a process finds a function: the module, and the name in it."""


class Processes:
    """The processes of one replica. To be entered; where no tool runs in a process that does nothing.

    Raises `DefinitionError`, at once or on entering, where a function cannot be found again by its name.
    """

    def __init__(self, specs: Iterable[ToolSpec]) -> None:
        self._places = {spec.name: place_of(spec) for spec in specs if spec.run_in == "process"}
        if self._places and process_starter.starting:
            raise DefinitionError(
                "a module that is imported for its tools, by another process, starts a replica while it is: "
                'put that under if __name__ == "__main__"'
            )
        self._starter: StarterHandle | None = None
        self._restarting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        if self._places:
            await self._living()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._starter is not None:
            await self._starter.close()

    async def run(self, prepared: Prepared, context: tuple[ToolContext[Any], ...]) -> Written:
        """Run a tool to its end. Cancelled, it ends the process first, which takes three seconds at most.

        Raises `ToolError` and `Retry` as the tool did, `BrokeInProcess` for anything else that it raised, and
        `ProcessDied`.
        """
        module, name = self._places[prepared.spec.name]
        facts = facts_of(context[0]) if context else None
        order = Order(module=module, name=name, args=prepared.received or {}, context=facts).line()
        async with _process(await self._living()) as process:
            process.writer.write(order)
            outcome = await process.outcome(_calls_of(context[0]) if context else {})
        return _read(outcome)

    async def _living(self) -> StarterHandle:
        async with self._restarting:
            starter = self._starter
            if starter is None or not starter.alive:
                if starter is not None:
                    log.error("the process that starts those of the tools is gone: a new one is started")
                    await starter.close()
                places = sorted({f"{module}:{name}" for module, name in self._places.values()})
                starter = self._starter = StarterHandle(places)
                await starter.start()
            return starter


def place_of(spec: ToolSpec) -> Place:
    """Where a process finds the function of a tool. `DefinitionError` where it would not, or another one."""
    function = spec.function
    module = sys.modules.get(function.__module__)
    found = getattr(module, function.__qualname__, None)
    if isinstance(found, ServedTool | ServedJob):
        found = found.function
    if module is None or found is not function:
        raise DefinitionError(
            f"tool {spec.name!r} cannot run in a process, which imports its function by name: {spec.source} "
            "is not that function. Let its module have it, or the tool made of it, under its own name"
        )
    return _module_name(module.__name__, spec), function.__qualname__


def _module_name(name: str, spec: ToolSpec) -> str:
    """By what name another process imports a module; of a script, by that of its file."""
    if name != "__main__":
        return name
    script = sys.modules[name]
    if script.__spec__ is not None:  # python -m
        return script.__spec__.name
    file = getattr(script, "__file__", None)
    if file is None or not (stem := Path(file).stem).isidentifier():
        raise DefinitionError(
            f"tool {spec.name!r} cannot run in a process, which imports its function by name: it is defined "
            "where nothing can be imported from. Put it in a module"
        )
    return stem


def _calls_of(context: ToolContext[Any]) -> Calls:
    """What a process asks of its context: the other half is `in_process`."""
    if not isinstance(context, JobContext):
        return {}

    async def progress(value: JsonValue) -> None:
        context.report(Progress.model_validate(value))

    async def emit(piece: JsonValue) -> None:
        await context.emit(piece)

    async def save(value: JsonValue) -> None:
        await context.save(value)

    return {"progress": progress, "emit": emit, "save": save}


@dataclass(frozen=True, slots=True)
class _Process:
    """A conversation with one process."""

    run: Run
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def outcome(self, calls: Calls) -> Outcome:
        """Make the calls that it asks for, until it says how it ended."""
        while True:
            try:
                line = await self.reader.readline()
                if not line.endswith(b"\n"):
                    break
                said = FROM_PROCESS.validate_json(line)
            except ConnectionError:
                break
            except (ValidationError, ValueError) as error:
                raise ProcessDied(
                    "it wrote to the line to its replica what that does not understand"
                ) from error
            if not isinstance(said, Call):
                return said
            await self._make(said, calls)
            await asyncio.sleep(0)  # a line that is here already would be read without a pause for others
        await asyncio.wait({self.run.ended}, timeout=LEAVE_S)
        raise ProcessDied(self.run.ended.result() if self.run.ended.done() else "it hung up")

    async def _make(self, call: Call, calls: Calls) -> None:
        try:
            reply = Reply(value=await calls[call.name](call.value))
        except Exception as error:  # noqa: BLE001 - whatever it is, the tool made the call
            reply = Reply(raised=type(error).__name__, message=str(error))
        if call.waits:
            with suppress(ConnectionError):  # the next line tells
                self.writer.write(reply.line())
                await self.writer.drain()


@asynccontextmanager
async def _process(starter: StarterHandle) -> AsyncGenerator[_Process]:
    """A process that waits for its order. It does not outlast the block, but by a moment if all went well."""
    ours, theirs = socket.socketpair()
    with closing(theirs):
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_CROSSING_BYTES)
        except BaseException:
            ours.close()
            raise
        try:
            run = starter.begin(theirs)
        except BaseException:
            writer.transport.abort()
            raise
    # What the tool has started may hold the line open when the process is long gone.
    hang_up = writer.transport.abort
    run.ended.add_done_callback(lambda _: asyncio.get_running_loop().call_later(LEAVE_S, hang_up))
    try:
        yield _Process(run, reader, writer)
    except BaseException as error:
        writer.write(LastWords(reason=_why(error)).line())
        await starter.end(run)
        raise
    else:
        starter.let_go(run)
    finally:
        hang_up()


def _why(error: BaseException) -> str:
    """What the tool is told of its end, where it is told."""
    return (isinstance(error, asyncio.CancelledError) and str(error)) or Ending.DRAINING


def _read(outcome: Outcome) -> Written:
    """What `execute` makes an ending of; raises what the tool raised."""
    match outcome:
        case Returned(result=result):
            return Written(result)
        case Unfit(traceback=text):
            return Written(problem=BrokeInProcess(text))
        case Oversize(what=what):
            return Written(problem=TooLarge(what))
        case Failed(reason=reason, message=message, data=data):
            raise ToolError(reason, message, data)
        case WantsRetry(after=after, message=message):
            raise Retry(after, message)
        case Asks(question=question):
            raise InputRequired(question)
        case _:
            raise BrokeInProcess(outcome.traceback, outcome.kinds)
