"""What a client knows of one job, and who in this program wants to hear more."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeAlias

from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import ToolwireError
from toolwire.contracts.snapshots import JobSnapshot

News: TypeAlias = Event | JobSnapshot | ToolwireError | None
"""An event, the answer to a look or its failure; None: news may have been missed, look again."""


class Listener(asyncio.Queue[News]):
    """News for one reader, oldest first; bounded, the newest of those that wait to be read."""

    def tell(self, news: News) -> None:
        """Add to the news."""
        if self.full():
            self.get_nowait()
        self.put_nowait(news)


class Following:
    """One job of one server: its newest snapshot and its listeners.

    `digests` are those of the request that made the job, where this client surely sent it first; None where
    somebody else may have: another process, under the same request id or before `client.job(id)`.
    """

    def __init__(self, server_id: str, job_id: str, digests: frozenset[str] | None) -> None:
        self.server_id = server_id
        self.job_id = job_id
        self.digests = digests
        self.newest: JobSnapshot | None = None
        self.missed = False
        """Whether events may have been lost since the last look."""
        self._told = -1
        self._listeners: set[Listener] = set()

    def tell(self, event: Event) -> str | None:
        """Take a verified event of this job, or say in one word why not."""
        if self.digests is not None and event.request_digest not in self.digests:
            return "unknown_digest"
        if event.data.seq <= self._told:
            return "duplicate"
        self._told = event.data.seq
        self.learn(event.data)
        self._spread(event)
        return None

    def learn(self, snapshot: JobSnapshot) -> None:
        """Take a verified snapshot, from an event or a look, if it is of this job and news."""
        if snapshot.job_id == self.job_id and (self.newest is None or snapshot.seq > self.newest.seq):
            self.newest = snapshot

    def look_again(self) -> None:
        """Events may have been lost: have every listener poll, and whoever listens later."""
        self.missed = True
        self._spread(None)

    def fail(self, error: ToolwireError) -> None:
        """End the waiting of every listener."""
        self._spread(error)

    @contextmanager
    def listening(self, most: int = 0) -> Generator[Listener]:
        """A listener that gets all news from now on, and keeps at most so many that wait."""
        listener = Listener(most)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def _spread(self, news: News) -> None:
        for listener in self._listeners:
            listener.tell(news)
