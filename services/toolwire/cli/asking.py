"""`call`, `submit`, `poll` and `watch`: one client, one question."""

import asyncio
import shlex
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from toolwire.cli import exits
from toolwire.cli.following import LOOK_EVERY_S, follow, json_lines, silence, words
from toolwire.cli.outages import notices
from toolwire.cli.output import print_json, print_line, print_note, print_value
from toolwire.cli.suggesting import suggest
from toolwire.client import Client
from toolwire.client.calls import Calls, overdue
from toolwire.client.clock import now_ms
from toolwire.client.jobs import Job
from toolwire.client.options import Changes
from toolwire.contracts.envelopes import Arguments
from toolwire.contracts.errors import (
    JobCancelled,
    JobFailed,
    JobNotOver,
    NoReplica,
    RemoteError,
    ToolwireError,
    UsageError,
)
from toolwire.contracts.jobs import Status
from toolwire.contracts.names import ID_PATTERN, is_id
from toolwire.contracts.snapshots import JobSnapshot

SOON_S = 1.0
"""A submission that waits for longer than this may wait for a replica."""
LOOK_S = 10.0


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks whom, and how. None: what the settings say."""

    server: str | None = None
    client: str | None = None
    key: str | None = None
    timeout: float | None = None
    broker: str | None = None
    home: Path | None = None
    json: bool = False

    def made(self) -> Client:
        """The client, to be entered."""
        return Client(
            self.client,
            server=self.server,
            broker=self.broker,
            home=self.home,
            key=self.key,
            timeout=self.timeout,
        )

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Client]:
        """The client, open. An outage of the broker is told on stderr, and its end."""
        client = self.made()
        with notices(quiet=self.json):
            async with client:
                yield client

    @property
    def flags(self) -> str:
        """What another command about the same job needs as well. The broker's URL holds a password."""
        given = {"--server": self.server, "--client": self.client, "--home": self.home}
        return "".join(f" {name} {shlex.quote(str(value))}" for name, value in given.items() if value)

    def show(self, value: object) -> None:
        """Print a result for whom it is meant."""
        (print_json if self.json else print_value)(value)


async def call(asking: Asking, tool: str, arguments: Arguments, request_id: str | None) -> int:
    """Call a tool and print its result. A job is followed to its end."""
    async with asking.open() as client:
        async with _suggesting(client, tool):
            answer = await client.options(request_id=request_id).begin(tool, arguments)
        if not isinstance(answer, Job):
            asking.show(answer)
            return exits.OK
        if not asking.json:
            print_note(f"{tool} is a job: it is followed to its end or the call's, as job {answer.id}")
        with _going_on(asking, answer):
            return await _followed(asking, answer)


@contextmanager
def _going_on(asking: Asking, job: Job[JsonValue]) -> Generator[None]:
    """Say, when Ctrl-C ends the wait for a job, that the job goes on, and how to find or end it."""
    try:
        yield
    except asyncio.CancelledError:
        print_note(f"job {job.id} goes on, and can be followed again: toolwire watch {job.id}{asking.flags}")
        print_note(f"to end it: toolwire cancel {job.id}{asking.flags}")
        raise


async def _followed(asking: Asking, job: Job[JsonValue]) -> int:
    deadline_ms = job.deadline_ms or now_ms()
    view = silence() if asking.json else words(sys.stderr)
    try:
        final = await follow(job, view, timeout=max(0.0, (deadline_ms - now_ms()) / 1000))
    except JobNotOver:
        raise overdue(job) from None
    asking.show(_result(final))
    return exits.OK


async def submit(
    asking: Asking,
    tool: str,
    arguments: Arguments,
    changes: Changes,
    *,
    wait: bool,
) -> int:
    """Submit a job and print its id or, with `wait`, follow it and print its result."""
    async with asking.open() as client:
        async with _suggesting(client, tool), _telling_who_is_missing(client):
            job = await client.options(**changes).submit(tool, arguments)
        if wait:
            with _going_on(asking, job):
                return await _wait(asking, job)
        if asking.json:
            told = {"job_id": job.id, "server_id": job.server_id, "request_id": job.request_id}
            print_json(told)
        else:
            print_line(job.id)
            print_note(f"submitted; what becomes of it: toolwire watch {job.id}{asking.flags}")
    return exits.OK


@asynccontextmanager
async def _suggesting(client: Calls, tool: str) -> AsyncGenerator[None]:
    """Add to a refusal what was probably meant."""
    try:
        yield
    except RemoteError as error:
        await suggest(client, tool, error)
        raise


@asynccontextmanager
async def _telling_who_is_missing(client: Calls) -> AsyncGenerator[None]:
    """Say early that a submission waits for a replica; for a call its error does."""
    looking = asyncio.create_task(_look_for_a_replica(client))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait({looking})


async def _look_for_a_replica(client: Calls) -> None:
    await asyncio.sleep(SOON_S)
    try:
        await client.options(timeout=LOOK_S).server_identity()
    except NoReplica as error:
        print_note(
            f"no replica of {error.server_id!r} is running: the submission waits in its queue for one "
            "(toolwire serve MODULE:ATTR)"
        )
    except ToolwireError:
        pass  # whatever it is, the submission meets it as well


async def poll(asking: Asking, job_id: str) -> int:
    """Print how a job stands."""
    async with asking.open() as client:
        asking.show(await job_of(client, job_id).poll())
    return exits.OK


async def watch(asking: Asking, job_id: str, *, patience: float | None) -> int:
    """Print a job's events as they come, for `patience` seconds or to its end, and then its result."""
    async with asking.open() as client:
        view = json_lines() if asking.json else words(sys.stdout)
        job = job_of(client, job_id)
        final = await follow(job, view, timeout=patience, look_every=LOOK_EVERY_S)
        return _ended(final) if asking.json else _told(final)


async def _wait(asking: Asking, job: Job[JsonValue]) -> int:
    if asking.json:
        final = await follow(job, silence())
        print_json(final)
        return _ended(final)
    print_note(f"job {job.id}")
    return _told(await follow(job, words(sys.stderr)))


def _told(final: JobSnapshot) -> int:
    """Print a job's result; any other end is raised."""
    print_value(_result(final))
    return exits.OK


def _result(final: JobSnapshot) -> JsonValue:
    if final.status is Status.CANCELLED:
        raise JobCancelled(final.job_id)
    if final.error is not None:
        raise JobFailed(final.job_id, final.error)
    return final.result


def _ended(final: JobSnapshot) -> int:
    return exits.OK if final.status is Status.DONE else exits.FAILED


def job_of(client: Calls, job_id: str) -> Job[JsonValue]:
    """The job under that id, as somebody has typed it. `UsageError` where it can be none."""
    if not is_id(job_id):
        raise UsageError(f"{job_id!r} is no job id: they match {ID_PATTERN}")
    return client.job(job_id)
