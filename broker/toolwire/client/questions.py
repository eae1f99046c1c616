"""What is asked, and what comes back."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from toolwire.client.clock import now_ms
from toolwire.client.jobs import AskAboutJob, Told
from toolwire.client.options import Options
from toolwire.client.results import reader_as
from toolwire.contracts.encoding import JsonText
from toolwire.contracts.envelopes import Response, Trace
from toolwire.contracts.errors import RemoteError, UsageError
from toolwire.contracts.identifiers import UUID_RANDOM_BYTES, uuid7
from toolwire.contracts.signatures import arguments_text
from toolwire.contracts.snapshots import JobSnapshot

if TYPE_CHECKING:
    from toolwire.client.exchange import Exchange


# Neither of the two is frozen, although nothing changes them: that would make each three times as dear.


@dataclass(slots=True)
class Question:
    """What to ask: it stays the same over all attempts."""

    server_id: str
    tool: str
    args: JsonText
    request_id: str
    deadline_ms: int
    """Until when the server may work on it."""
    timeout: float
    """For how many seconds the answer is waited for."""
    tool_rev: str | None = None
    trace: Trace | None = None
    """The place in a trace that its answer belongs to."""
    run_at_ms: int | None = None
    """When the job may start."""
    priority: int | None = None
    submission: bool = False
    """Its answer is `accepted`, and it may wait in the queue while no replica runs."""


@dataclass(slots=True)
class Reply:
    """The answer to a question, and what events told before it came.

    `digests` are those of all that was sent for it.
    """

    response: Response
    digests: tuple[str, ...]
    newest: JobSnapshot | None


def call_of(tool: str, args: JsonText, options: Options) -> Question:
    """A call: its deadline is when the caller stops to wait. `UsageError` where it is to wait or to push."""
    if options.waits:
        raise UsageError("delay, run_at and priority are for jobs that are submitted; a call runs at once")
    now = now_ms()
    return Question(
        server_id=options.asked_server(),
        tool=tool,
        args=args,
        request_id=options.request_id or _fresh_id(now),
        deadline_ms=now + round(options.timeout * 1000),
        timeout=options.timeout,
        tool_rev=options.tool_rev,
    )


def submission_of(tool: str, args: JsonText, options: Options) -> Question:
    """A submission: the job may take longer than the wait for its acceptance."""
    now = now_ms()
    run_at_ms = options.run_at_ms(now)
    return Question(
        server_id=options.asked_server(),
        tool=tool,
        args=args,
        request_id=options.request_id or _fresh_id(now),
        deadline_ms=(now if run_at_ms is None else run_at_ms) + round(options.deadline * 1000),
        timeout=options.timeout,
        tool_rev=options.tool_rev,
        run_at_ms=run_at_ms,
        priority=options.priority,
        submission=True,
    )


def about_job(exchange: "Exchange", options: Options) -> AskAboutJob:
    """What asks a tool about a job: the status of a poll is the job's, whatever that is."""
    # A job outlives the call that made it: neither its request id nor its tool's revision is for these.
    fresh = Options(options.timeout, options.server)

    async def ask(tool: str, job_id: str, returns: type[Told], /, **more: JsonValue) -> Told:
        args = arguments_text({"job_id": job_id, **more})
        response = (await exchange.ask(call_of(tool, args, fresh))).response
        if response.error is not None:
            raise RemoteError.of(response.error)
        told: Told = reader_as(tool, returns)(response.result)
        return told

    return ask


def _fresh_id(now_ms: int) -> str:
    return uuid7(now_ms, os.urandom(UUID_RANDOM_BYTES))
