"""What a client knows of one job, and who in this program wants to hear more."""

from typing import Self, TypeAlias

from toolwire.client.inbox import Inbox
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import ToolwireError
from toolwire.contracts.snapshots import JobSnapshot

News: TypeAlias = Event | JobSnapshot | ToolwireError | None
"""An event, the answer to a look or its failure; None: news may have been missed, look again."""


class Listener(Inbox[News]):
    """News for one reader, oldest first, for as long as the block lasts.

    Bounded: the newest of those that wait to be read.
    """

    __slots__ = ("_following", "_most")

    def __init__(self, following: "Following", most: int) -> None:
        super().__init__()
        self._following = following
        self._most = most

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._following.leave(self)

    def tell(self, news: News) -> None:
        """Add to the news."""
        if self._most and self.qsize() >= self._most:
            self.get_nowait()
        self.put_nowait(news)


class Following:
    """One job of one server: its newest snapshot and its listeners.

    `digests` are those of the request that made the job, where this client surely sent it first; None where
    somebody else may have: another process, under the same request id or before `client.job(id)`.

    Small, because a program may keep a hundred thousand: what few of them have is made when it is needed.
    """

    __slots__ = ("__weakref__", "_listeners", "_told", "digests", "job_id", "missed", "newest", "server_id")

    def __init__(self, server_id: str, job_id: str, digests: tuple[str, ...] | None) -> None:
        self.server_id = server_id
        self.job_id = job_id
        self.digests = digests
        self.newest: JobSnapshot | None = None
        self.missed = False
        """Whether events may have been lost since the last look."""
        self._told = -1
        self._listeners: tuple[Listener, ...] = ()

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

    def listening(self, most: int = 0) -> Listener:
        """A listener that gets all news from now on, and keeps at most so many that wait."""
        listener = Listener(self, most)
        self._listeners = (*self._listeners, listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Tell it nothing more."""
        self._listeners = tuple(each for each in self._listeners if each is not listener)

    def _spread(self, news: News) -> None:
        for listener in self._listeners:
            listener.tell(news)
