"""What a client waits for: requests, by the digests of their attempts, and jobs that it follows."""

import asyncio
import time
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from weakref import WeakValueDictionary

from toolwire.client.answers import Answer, Drop
from toolwire.client.following import Following
from toolwire.contracts.envelopes import Event, Response
from toolwire.contracts.errors import CallFailed, ClientClosed, Code
from toolwire.contracts.snapshots import JobSnapshot


class Pending:
    """One request that waits for its answer.

    `inbox` gets the answers; None: an answer may have been lost with its connection; an error: waiting is of
    no use. `newest` is what events told of the job that the request made, before its answer came.
    """

    def __init__(
        self, server_id: str, request_id: str, *, submission: bool, unverified: Counter[str]
    ) -> None:
        self.server_id = server_id
        self.request_id = request_id
        self.submission = submission
        self.since = time.monotonic()
        self.digests: set[str] = set()
        self.inbox: asyncio.Queue[Response | CallFailed | None] = asyncio.Queue()
        self.newest: JobSnapshot | None = None
        self._refused: set[str] = set()
        self._unverified_before = unverified.copy()
        self._unverified = unverified

    def unverified(self) -> tuple[str, ...]:
        """Why messages during the wait could not be verified; one of them may have been the answer."""
        return tuple(sorted(self._unverified - self._unverified_before))

    def unread(self) -> list[Response]:
        """The answers that came after the one that ended the wait, before it was over."""
        waiting = [self.inbox.get_nowait() for _ in range(self.inbox.qsize())]
        return [news for news in waiting if isinstance(news, Response)]

    def doubt(self, response: Response) -> str | None:
        """Why a true answer is not heard, in one word, or None.

        Whoever publishes a captured request under another tool's key makes the server refuse it, and whoever
        publishes an attempt's captured refusal again could have this client try for ever.
        """
        if response.error is None:
            return None
        if response.error.code is Code.WRONG_DESTINATION:
            return "wrong_destination"  # this client sends to the tool's own key and no other
        if response.error.retryable:
            if response.request_digest in self._refused:
                return "repeated"
            self._refused.add(response.request_digest)
        return None


class Ledger:
    """Matches answers with what was asked. What matches nothing is dropped and counted."""

    def __init__(self) -> None:
        self._pending: set[Pending] = set()
        self._by_digest: dict[str, Pending] = {}
        # Weak: a job is followed as long as somebody holds its `Job` or waits for it.
        self._followed: WeakValueDictionary[tuple[str, str], Following] = WeakValueDictionary()
        self._dropped: Counter[str] = Counter()
        self._unverified: Counter[str] = Counter()

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many messages and lines were dropped until now, by reason. It may be read in any thread."""
        return dict(self._dropped)

    # --- what is waited for ---

    @contextmanager
    def expecting(self, server_id: str, request_id: str, *, submission: bool) -> Generator[Pending]:
        """A place for the answers to one request, for as long as the block lasts."""
        pending = Pending(server_id, request_id, submission=submission, unverified=self._unverified)
        self._pending.add(pending)
        try:
            yield pending
        finally:
            self._pending.discard(pending)
            for digest in pending.digests:
                self._by_digest.pop(digest, None)
            for _ in pending.unread():
                self._drop("not_awaited")

    def sent(self, pending: Pending, digest: str) -> None:
        """Note one more attempt, before it is sent."""
        pending.digests.add(digest)
        self._by_digest[digest] = pending

    def follow(self, server_id: str, job_id: str, digests: Iterable[str] | None) -> Following:
        """Follow a job for as long as the returned object lives. All who follow one job share it."""
        known = None if digests is None else frozenset(digests)
        following = self._followed.get((server_id, job_id))
        if following is None:
            following = self._followed[server_id, job_id] = Following(server_id, job_id, known)
        elif following.digests is not None:
            following.digests = None if known is None else following.digests | known
        return following

    def servers_of_calls(self, older_than: float) -> set[str]:
        """The servers of calls that have been waiting for more than so many seconds."""
        before = time.monotonic() - older_than
        return {
            pending.server_id for pending in self._pending if _is_call(pending) and pending.since < before
        }

    # --- what comes ---

    def take(self, answer: Answer | Drop) -> None:
        """Hand an answer to whom it is for."""
        match answer:
            case Drop(reason, attributable):
                self._drop(reason, attributable=attributable)
            case Response():
                self._take_response(answer)
            case Event():
                self._take_event(answer)

    def _take_response(self, response: Response) -> None:
        pending = self._by_digest.get(response.request_digest)
        if reason := _mismatch(response, pending) or (pending and pending.doubt(response)):
            self._drop(reason)
        elif pending is not None:
            pending.inbox.put_nowait(response)

    def _take_event(self, event: Event) -> None:
        following = self._followed.get((event.server_id, event.data.job_id))
        if following is not None:
            if reason := following.tell(event):
                self._drop(reason)
            return
        pending = self._by_digest.get(event.request_digest)
        if reason := _mismatch(event, pending):
            self._drop(reason)
        elif pending is not None:
            pending.newest = _newer(pending.newest, event.data)

    def _drop(self, reason: str, *, attributable: bool = True) -> None:
        self._dropped[reason] += 1
        if not attributable:
            self._unverified[reason] += 1

    # --- what happens to all of them ---

    def reconnected(self) -> None:
        """Answers are consumed again. Those that came meanwhile may be lost: what waits asks again."""
        for pending in self._pending:
            if pending.digests:
                pending.inbox.put_nowait(None)
        for following in list(self._followed.values()):
            following.look_again()

    def fail_calls(self, server_id: str, error: CallFailed) -> None:
        """End the waiting of every call to that server. Submissions are queued: they wait on."""
        for pending in self._pending:
            if _is_call(pending) and pending.server_id == server_id:
                pending.inbox.put_nowait(error)

    def close(self) -> None:
        """End all waiting with `ClientClosed`."""
        for pending in self._pending:
            pending.inbox.put_nowait(ClientClosed())
        for following in list(self._followed.values()):
            following.fail(ClientClosed())


def _is_call(pending: Pending) -> bool:
    return not pending.submission


def _mismatch(answer: Answer, pending: Pending | None) -> str | None:
    if pending is None:
        return "not_awaited"
    if answer.server_id != pending.server_id:
        return "wrong_server"
    if answer.request_id != pending.request_id:
        return "wrong_request"
    return None


def _newer(one: JobSnapshot | None, other: JobSnapshot) -> JobSnapshot:
    return other if one is None or other.seq > one.seq else one
