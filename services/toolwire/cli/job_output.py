"""`jobs output`: what a job has put out so far, or until it is over."""

import asyncio

from pydantic import JsonValue

from toolwire.cli import exits
from toolwire.cli.asking import Asking, job_of
from toolwire.cli.following import LOOK_EVERY_S, in_words
from toolwire.cli.output import print_json, print_line, print_note
from toolwire.client.job_output import leads_to
from toolwire.client.jobs import Job
from toolwire.contracts.builtin import OutputPieces


async def output(asking: Asking, job_id: str, *, follow: bool) -> int:
    """Print what a job has put out; with `follow`, until it is over."""
    async with asking.open() as client:
        job = job_of(client, job_id)
        pages = _Pages(job, as_json=asking.json)
        over = False
        while not over:
            # The job first: what an end comes after is there when the output is read.
            over = not follow or (await job.poll()).final
            await pages.show()
            if not over:
                await asyncio.sleep(LOOK_EVERY_S)
    return exits.OK


class _Pages:
    """Shows the output of a job, on from where it stopped the last time."""

    def __init__(self, job: Job[JsonValue], *, as_json: bool) -> None:
        self._job = job
        self._as_json = as_json
        self._after = 0
        self._attempt = 0

    async def show(self) -> None:
        """Print whatever is there."""
        more = True
        while more:
            page = await self._job.read_output(after=self._after)
            for event in page.pieces:
                self._show(event)
            more = page.more
            self._after = leads_to(page)

    def _show(self, event: OutputPieces) -> None:
        if self._as_json:
            print_json(event)
            return
        if 0 < self._attempt < event.attempt:
            print_note(f"attempt {event.attempt}")
        self._attempt = event.attempt
        for piece in event.output:
            print_line(in_words(piece))
