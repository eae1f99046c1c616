"""`jobs` and `cancel`: which jobs there are, what became of one, and its end."""

import sys
from collections.abc import Collection
from contextlib import aclosing
from dataclasses import dataclass

from toolwire.cli import exits
from toolwire.cli.asking import Asking, job_of
from toolwire.cli.following import LOOK_EVERY_S, follow, silence, words
from toolwire.cli.job_pages import all_jobs
from toolwire.cli.job_words import HEADINGS, in_lines, row, standing
from toolwire.cli.output import plain, print_json, print_line, print_note
from toolwire.cli.table import print_table
from toolwire.client.calls import Calls
from toolwire.client.clock import now_ms
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot

OPEN = tuple(status for status in Status if not status.final)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs to list."""

    statuses: Collection[Status] = ()
    """Empty: in any."""
    tools: Collection[str] = ()
    """Empty: of any."""
    silent_ms: int | None = None
    """Only those that are not over and have told nothing for so long, the most silent first."""
    limit: int = 20

    @property
    def asked(self) -> Collection[Status]:
        """The statuses to ask the server for."""
        if self.silent_ms is None:
            return self.statuses
        return [status for status in OPEN if status in (self.statuses or OPEN)]

    def fits(self, job: JobSnapshot, now_ms: int) -> bool:
        """Whether a job in one of these statuses is wanted."""
        loud = self.silent_ms is not None and now_ms - job.updated_ms < self.silent_ms
        return not loud and (not self.tools or job.tool in self.tools)


async def list_jobs(asking: Asking, wanted: Wanted) -> int:
    """Print the jobs of this client that are wanted."""
    async with asking.open() as client:
        jobs = await _collect(client, wanted)
    if asking.json:
        print_json({"jobs": [plain(job) for job in jobs]})
    elif jobs:
        now = now_ms()
        print_table(HEADINGS, [row(job, now) for job in jobs])
    else:
        print_note("this client has no such jobs")
    return exits.OK


async def _collect(client: Calls, wanted: Wanted) -> list[JobSnapshot]:
    if wanted.silent_ms is not None and not wanted.asked:
        return []  # no status at all would mean any
    found: list[JobSnapshot] = []
    now = now_ms()
    async with aclosing(all_jobs(client, wanted.asked)) as jobs:
        async for job in jobs:
            if wanted.fits(job, now):
                found.append(job)
            if len(found) == wanted.limit and wanted.silent_ms is None:
                break
    if wanted.silent_ms is not None:
        found.sort(key=lambda job: job.updated_ms)
    return found[: wanted.limit]


async def show(asking: Asking, job_id: str) -> int:
    """Print how a job stands, what became of it so far, and what can be done."""
    async with asking.open() as client:
        job = job_of(client, job_id)
        snapshot, history = await job.poll(), await job.history()
    if asking.json:
        print_json({"job": plain(snapshot), "history": plain(history)["entries"]})
    else:
        for line in in_lines(snapshot, history, now_ms(), asking.flags):
            print_line(line)
    return exits.OK


async def cancel(asking: Asking, job_id: str, *, wait: bool) -> int:
    """Ask for a job's end and print how it stands then or, with `wait`, how it ended."""
    async with asking.open() as client:
        job = job_of(client, job_id)
        snapshot = await job.cancel()
        if wait and not snapshot.final:
            if not asking.json:
                print_note(standing(snapshot, asking.flags))
            view = silence() if asking.json else words(sys.stderr)
            snapshot = await follow(job, view, look_every=LOOK_EVERY_S)
    if asking.json:
        print_json(snapshot)
    else:
        print_line(standing(snapshot, asking.flags))
    return exits.OK
