"""All that a job puts out, whatever events were lost on the way."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from itertools import pairwise

from pydantic import JsonValue

from toolwire.client.job_news import JobNews
from toolwire.contracts.builtin import JOB_OUTPUT, JobOutput
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import ResultMismatch
from toolwire.contracts.snapshots import JobSnapshot

MOST_AHEAD = 16
"""How many events wait for a reader that is slow, each as large as a message maybe. What is too much for that
is asked for, once the reader comes to it."""


async def all_output(
    news: JobNews,
    poll: Callable[[], Awaitable[JobSnapshot]],
    read: Callable[[int], Awaitable[JobOutput]],
) -> AsyncGenerator[JsonValue, None]:
    """Each piece once and in order, from the first one on, until the job is over.

    An event is used where it is the very next one of its job: `seq` counts them all. Where it is not, what
    was put out since then is `read`.
    """
    told = 0
    snapshot = await poll()
    while True:
        while told < snapshot.seq:
            page = await news.insist(partial(read, told))
            if not page.more and page.seq < snapshot.seq:
                raise ResultMismatch(JOB_OUTPUT, "it ends before an event that was told")
            for event in page.pieces:
                for piece in event.output:
                    yield piece
            told = leads_to(page)
        if snapshot.final:
            return
        # Newer than the snapshot, not than what was read: its end may be among that.
        newer = await news.newer_than(snapshot.seq)
        snapshot = newer.data if isinstance(newer, Event) else newer
        if isinstance(newer, Event) and snapshot.seq == told + 1:
            for piece in newer.output or ():
                yield piece
            told = snapshot.seq


def checked(page: JobOutput, *, after: int) -> JobOutput:
    """A page that leads on from the event number `after`, so that reading comes to an end.

    Raises `ResultMismatch` for any other: a server that is broken must not be asked for ever.
    """
    numbers = [after, *(event.seq for event in page.pieces)]
    in_order = all(earlier < later for earlier, later in pairwise(numbers))
    if not in_order or numbers[-1] > max(after, page.seq) or (page.more and not page.pieces):
        raise ResultMismatch(JOB_OUTPUT, "its events do not follow one another")
    return page


def leads_to(page: JobOutput) -> int:
    """After which event the next page is to be read."""
    return page.pieces[-1].seq if page.more else page.seq
