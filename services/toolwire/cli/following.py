"""A job's events, shown as they come: as JSON lines, as lines of text, or as a live bar on a terminal."""

import asyncio
import json
from collections.abc import Generator
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext
from typing import Protocol, TextIO

from pydantic import JsonValue

from toolwire.cli.examples import answer_line
from toolwire.cli.output import plain, print_json, printable
from toolwire.client.jobs import Job
from toolwire.contracts.errors import JobNotOver
from toolwire.contracts.events import (
    Accepted,
    Answered,
    Cancelled,
    Current,
    Done,
    Failed,
    InputRequired,
    JobEvent,
    Output,
    Progressed,
    Retrying,
    Started,
)
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot, Progress, Question

NAMES: dict[type[JobEvent], str] = {
    Current: "current",
    Accepted: "accepted",
    Started: "started",
    Progressed: "progress",
    Output: "output",
    InputRequired: "input_required",
    Answered: "answered",
    Retrying: "retrying",
    Done: "done",
    Failed: "error",
    Cancelled: "cancelled",
}
"""The events as the protocol calls them; `current` is how the job stands when one begins to look."""


LOOK_EVERY_S = 1.0
"""How often a job is asked for that somebody else has submitted: its events go there."""


class Show(Protocol):
    """Shows one event."""

    def __call__(self, event: JobEvent, /) -> None: ...


View = AbstractContextManager[Show]


async def follow(
    job: Job[JsonValue], view: View, *, timeout: float | None = None, look_every: float | None = None
) -> JobSnapshot:
    """Show a job's events until it is over, and return how it ended.

    Raises like `Job.events`, and `JobNotOver` after `timeout` seconds.
    """
    try:
        async with asyncio.timeout(timeout), aclosing(job.events(look_every=look_every)) as events:
            with view as show:
                async for event in events:
                    show(event)
                    if event.snapshot.final and not isinstance(event, Current):
                        return event.snapshot
    except TimeoutError:
        pass
    raise JobNotOver(job.id, job.request_id)


def json_lines() -> View:
    """Every event as one line of JSON on stdout."""
    return nullcontext(lambda event: print_json(document(event)))


def silence() -> View:
    """Nothing: only the end counts."""
    return nullcontext(lambda _event: None)


def words(stream: TextIO) -> View:
    """Every event as a line, with a live bar where the stream is a terminal."""
    if stream.isatty():
        return _live(stream)
    return nullcontext(lambda event: print(describe(event), file=stream, flush=True))


def document(event: JobEvent) -> dict[str, JsonValue]:
    """An event for programs."""
    told: dict[str, JsonValue] = {"event": NAMES[type(event)], "snapshot": plain(event.snapshot)}
    if isinstance(event, Output):
        told["output"] = list(event.pieces)
    return told


def describe(event: JobEvent) -> str:
    """An event for people."""
    match event:
        case Current(snapshot):
            now = f"now {snapshot.status}{_attempt(snapshot)}{_how_far(snapshot.progress)}"
            return f"{now}\n{_asks(snapshot, snapshot.question)}" if snapshot.question else now
        case Started(snapshot):
            return f"started, attempt {snapshot.attempt}"
        case Progressed(snapshot):
            return f"progress{_attempt(snapshot)}{_how_far(event.progress)}"
        case Retrying(snapshot):
            why = f"toolwire jobs show {snapshot.job_id}"
            return f"retrying: attempt {snapshot.attempt} did not end the job, its history says why: {why}"
        case Output(pieces=pieces):
            return "\n".join(f"output {printable(in_words(piece))}" for piece in pieces)
        case InputRequired(snapshot):
            return _asks(snapshot, event.question)
        case _:
            return NAMES[type(event)]


def in_words(piece: JsonValue) -> str:
    """A piece of output for people: a text as it is, anything else as JSON."""
    return piece if isinstance(piece, str) else json.dumps(piece, ensure_ascii=False)


def _asks(snapshot: JobSnapshot, question: Question) -> str:
    """What a job asks, and how it is answered."""
    command = answer_line(snapshot.job_id, question.answer_schema)
    return printable(f"asks {question.key}: {question.prompt}\nto answer it: {command}")


def _attempt(snapshot: JobSnapshot) -> str:
    """Which attempt, from the second on."""
    return f" (attempt {snapshot.attempt})" if snapshot.attempt > 1 else ""


def _how_far(progress: Progress | None) -> str:
    return f" {progress.fraction:.0%} {printable(progress.message)}".rstrip() if progress else ""


@contextmanager
def _live(stream: TextIO) -> Generator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    console = Console(file=stream)
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        stood: tuple[Status, int] | None = None

        def show(event: JobEvent) -> None:
            nonlocal stood
            fraction, told = _bar(event)
            bar.update(task, completed=fraction, description=told)
            before, stood = stood, (event.snapshot.status, event.snapshot.attempt)
            if not isinstance(event, Progressed) and not (isinstance(event, Current) and stood == before):
                console.print(Text(describe(event)), soft_wrap=True)

        yield show


def _bar(event: JobEvent) -> tuple[float, str]:
    """How far the bar is, and what stands beside it."""
    snapshot = event.snapshot
    if isinstance(event, Done):
        return 1.0, ""
    if snapshot.status is Status.ACCEPTED:  # its progress, if any, is that of the last attempt
        return 0.0, "waits for a replica" if snapshot.attempt == 0 else "waits to run again"
    progress = snapshot.progress or Progress(fraction=0.0)
    if snapshot.question is not None:
        return progress.fraction, "waits for an answer"
    return progress.fraction, f"{_attempt(snapshot)} {printable(progress.message)}".strip()
