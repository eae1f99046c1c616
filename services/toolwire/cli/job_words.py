"""A job in words: as a row of a table, and as a page with its history."""

import json
from collections.abc import Iterator, Sequence

from toolwire.cli.examples import answer_line
from toolwire.cli.explain import remedies
from toolwire.cli.output import printable
from toolwire.cli.schemas import in_words
from toolwire.cli.times import clock, moment, span
from toolwire.contracts.errors import WireError
from toolwire.contracts.history import Happened, HistoryEntry, JobHistory, Why
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot, Question

HEADINGS = ("JOB", "TOOL", "STATUS", "ATTEMPT", "PROGRESS", "AGE", "SILENT", "TIME-LEFT", "MESSAGE")
LONGEST_RESULT = 500

_REASONS = {
    Why.BROKE: "the tool broke",
    Why.LEASE_LOST: "the lease was lost: that replica died, or stood still for longer than its lease",
    Why.DRAINED: "the replica was stopped",
    Why.DEADLINE: "the deadline passed",
    Why.TIME_LIMIT: "it took longer than its tool may",
    Why.RETRY_ASKED: "the tool asked for another attempt",
}


def row(job: JobSnapshot, now_ms: int) -> Sequence[str]:
    """A job as cells under `HEADINGS`; times that no longer run are left out."""
    progress = None if job.final else job.progress
    message = progress.message if progress else ""
    if job.question is not None:
        message = f"asks {job.question.key}: {job.question.prompt}"
    if job.status is Status.ERROR and job.error is not None:
        message = f"{job.error.code}: {job.error.reason or job.error.message}"
    return (
        job.job_id,
        job.tool,
        job.status.value,
        str(job.attempt),
        f"{progress.fraction:.0%}" if progress else "",
        span(now_ms - job.created_ms),
        "" if job.final else span(now_ms - job.updated_ms),
        "" if job.final else span(job.deadline_ms - now_ms),
        message,
    )


def in_lines(job: JobSnapshot, history: JobHistory, now_ms: int, flags: str = "") -> Iterator[str]:
    """Everything of a job but its arguments, which may hold what is not for a terminal.

    `flags` are the options that a command about the same job needs as well.
    """
    yield f"job        {job.job_id}"
    yield f"tool       {job.tool} on {job.server_id}"
    yield f"status     {_status(job, history, now_ms)}"
    if job.progress is not None:
        yield f"progress   {job.progress.fraction:.0%} {printable(job.progress.message)}".rstrip()
    yield f"accepted   {moment(job.created_ms)}, {span(now_ms - job.created_ms)} ago"
    if job.final:
        yield f"ended      {moment(job.updated_ms)}, after {span(job.updated_ms - job.created_ms)}"
    else:
        yield f"last news  {moment(job.updated_ms)}, {span(now_ms - job.updated_ms)} ago"
        yield f"deadline   {moment(job.deadline_ms)}, {_left(job.deadline_ms - now_ms)}"
    if job.question is not None:
        yield from _labelled("question", question_lines(job.question))
    if job.error is not None:
        yield from _labelled("error", error_lines(job.error))
    if job.status is Status.DONE:
        yield from _labelled("result", [_short(json.dumps(job.result, ensure_ascii=False), job.job_id)])
    yield from ("", "history (UTC)")
    yield from _timeline(history.entries) or ["  nothing: it is older than the histories of this service"]
    yield from ("", "what to do")
    yield from (f"  {line}" for line in what_to_do(job, history, flags))


def question_lines(question: Question) -> list[str]:
    """What a job asks, and what an answer looks like."""
    schema = question.answer_schema
    return [f"{question.key}: {question.prompt}", f"answer: {in_words(schema, schema)}"]


def error_lines(error: WireError) -> list[str]:
    """A job's error with what it says of itself, and its remedy."""
    lines = [f"{error.code}: {error.message}"]
    if error.reason is not None:
        lines.append(f"reason: {error.reason}")
    lines += [f"{name}: {value}" for name, value in (error.data or {}).items()]
    return lines + remedies(error)


def standing(job: JobSnapshot, flags: str = "") -> str:
    """How a job stands after somebody asked for its end."""
    match job.status:
        case Status.CANCELLED:
            return f"job {job.job_id} is cancelled"
        case Status.RUNNING:
            return (
                f"job {job.job_id} is asked to end; it runs until its tool notices: "
                f"toolwire watch {job.job_id}{flags}"
            )
        case status:
            return f"job {job.job_id} was over already, and stays: {status}"


def what_to_do(job: JobSnapshot, history: JobHistory, flags: str) -> Iterator[str]:
    """Commands that fit how the job stands."""
    if job.question is not None:
        command = answer_line(job.job_id, job.question.answer_schema)
        yield printable(f"answer it:             {command}{flags}")
    match job.status:
        case Status.DONE:
            yield f"its whole result:      toolwire poll {job.job_id}{flags}"
        case Status.ERROR | Status.CANCELLED:
            yield f"submit it once more:   toolwire tools describe {job.tool}{flags}   shows the command"
        case _:
            if not _cancel_asked(history):
                yield f"see it run:            toolwire watch {job.job_id}{flags}"
                yield f"end it:                toolwire cancel {job.job_id}{flags}"
            else:
                yield f"see it end:            toolwire watch {job.job_id}{flags}"
    if any(entry.error_id for entry in history.entries):
        yield "why the tool broke:    the service's log has the traceback beside the error id"


def _status(job: JobSnapshot, history: JobHistory, now_ms: int) -> str:
    if job.final:
        return f"{job.status}, after {_attempts(job.attempt)}"
    if job.status is Status.ACCEPTED:
        if job.due_ms is not None and job.due_ms > now_ms:
            return f"{job.status}: attempt {job.attempt + 1} starts in {span(job.due_ms - now_ms)}"
        return f"{job.status}: waits for a replica with a free slot"
    if job.status is Status.INPUT_REQUIRED:
        return f"{job.status}: waits for its owner's answer, and holds no replica"
    asked = ", asked to end" if _cancel_asked(history) else ""
    return f"{job.status}, attempt {job.attempt}{_where(history)}{asked}"


def _attempts(count: int) -> str:
    return {0: "no attempt", 1: "1 attempt"}.get(count, f"{count} attempts")


def _where(history: JobHistory) -> str:
    started = [entry.replica for entry in history.entries if entry.event is Happened.STARTED]
    return f" on {started[-1]}" if started and started[-1] else ""


def _cancel_asked(history: JobHistory) -> bool:
    return any(entry.event is Happened.CANCEL_ASKED for entry in history.entries)


def _left(ms: int) -> str:
    return f"in {span(ms)}" if ms > 0 else f"{span(-ms)} ago: it is about to be ended"


def _timeline(entries: Sequence[HistoryEntry]) -> list[str]:
    if not entries:
        return []
    began = entries[0].at_ms
    return [
        f"  {clock(entry.at_ms)}  {span(entry.at_ms - began):>7}  {entry.event:<12}  {_what(entry)}".rstrip()
        for entry in entries
    ]


def _what(entry: HistoryEntry) -> str:
    parts = [f"attempt {entry.attempt}"] if entry.attempt else []
    if entry.replica is not None:
        parts.append(f"on {entry.replica}" if entry.attempt else f"by {entry.replica}")
    if entry.why is not None:
        parts.append(_REASONS[entry.why])
    if entry.error_id is not None:
        parts.append(f"error id {entry.error_id}")
    if entry.due_ms is not None:
        parts.append(f"{'again' if entry.attempt else 'to start'} after {span(entry.due_ms - entry.at_ms)}")
    return printable(", ".join(parts))


def _labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{label if number == 0 else '':<11}{printable(line)}"


def _short(text: str, job_id: str) -> str:
    if len(text) <= LONGEST_RESULT:
        return text
    return f"{text[:LONGEST_RESULT]}… ({len(text)} characters: toolwire poll {job_id})"
