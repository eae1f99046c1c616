"""This client's jobs, in pages that fit a message."""

from collections.abc import AsyncGenerator, Collection

from toolwire.client.calls import Calls
from toolwire.contracts.builtin import MAX_LISTED
from toolwire.contracts.errors import ResultTooLarge
from toolwire.contracts.jobs import Status
from toolwire.contracts.snapshots import JobSnapshot


async def all_jobs(
    client: Calls, statuses: Collection[Status], *, page: int = MAX_LISTED
) -> AsyncGenerator[JobSnapshot]:
    """Every job in one of these statuses (none: in any), newest first, however many there are.

    A page whose results do not fit one message is asked for again in halves; one job always fits.
    """
    before: str | None = None
    size = page
    while True:
        try:
            jobs = (await client.list_jobs(statuses=statuses, limit=size, before=before)).jobs
        except ResultTooLarge:
            if size == 1:
                raise
            size = max(1, size // 2)
            continue
        for job in jobs:
            yield job
        if len(jobs) < size:
            return
        before = jobs[-1].job_id
        size = min(page, 2 * size)
