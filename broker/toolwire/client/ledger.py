"""What a client waits for: requests, by the digests of their attempts, and jobs that it follows."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self
from weakref import WeakValueDictionary

from toolwire.client.answers import Answer, Drop
from toolwire.client.following import Following
from toolwire.client.inbox import Inbox
from toolwire.contracts.envelopes import Event, Response
from toolwire.contracts.errors import CallFailed, ClientClosed, Code
from toolwire.contracts.snapshots import JobSnapshot

_NONE_REFUSED: frozenset[str] = frozenset()


class Pending:
    """One request that waits for its answer, for as long as the block lasts: `with ledger.expecting(…)`.

    `inbox` gets the answers; None: an answer may have been lost with its connection; an error: waiting is of
    no use. `newest` is what events told of the job that the request made, before its answer came. `attempts`
    are the digests of what was sent, each with its time (monotonic, in seconds).
    """

    __slots__ = (
        "_ledger",
        "_refused",
        "_unverified_before",
        "answered",
        "attempts",
        "inbox",
        "newest",
        "request_id",
        "server_id",
        "since",
        "submission",
    )

    def __init__(self, ledger: "Ledger", server_id: str, request_id: str, *, submission: bool) -> None:
        self.server_id = server_id
        self.request_id = request_id
        self.submission = submission
        self.since = time.monotonic()
        self.attempts: dict[str, float] = {}
        self.answered = False
        """Whether the newest attempt was."""
        self.inbox: Inbox[Response | CallFailed | None] = Inbox()
        self.newest: JobSnapshot | None = None
        self._ledger = ledger
        self._refused = _NONE_REFUSED
        self._unverified_before = ledger.unverified_lines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ledger.forget(self)

    def unverified(self) -> tuple[str, ...]:
        """Why messages during the wait could not be verified; one of them may have been the answer."""
        return self._ledger.unverified_since(self._unverified_before)

    def took(self, response: Response) -> float:
        """How long after the attempt that it answers it came, in seconds."""
        return time.monotonic() - self.attempts[response.request_digest]

    def silence(self) -> float | None:
        """For how many seconds the newest attempt has waited for an answer; None where it does not."""
        if self.answered or not self.attempts:
            return None
        return time.monotonic() - max(self.attempts.values())

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
            self._refused |= {response.request_digest}
        return None


class Ledger:
    """Matches answers with what was asked. What matches nothing is dropped and counted."""

    def __init__(self) -> None:
        self._pending: set[Pending] = set()
        self._by_digest: dict[str, Pending] = {}
        # Weak: a job is followed as long as somebody holds its `Job` or waits for it.
        self._followed: WeakValueDictionary[tuple[str, str], Following] = WeakValueDictionary()
        self._dropped: Counter[str] = Counter()
        self.unverified_lines = 0
        """How many messages and lines came that may have been anybody's answer."""
        self._last_unverified: dict[str, int] = {}
        """For each reason, which of those was the last: a wait compares numbers and copies no counts."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many messages and lines were dropped until now, by reason. It may be read in any thread."""
        return dict(self._dropped)

    # --- what is waited for ---

    def expecting(self, server_id: str, request_id: str, *, submission: bool) -> Pending:
        """A place for the answers to one request, for as long as its block lasts."""
        pending = Pending(self, server_id, request_id, submission=submission)
        self._pending.add(pending)
        return pending

    def forget(self, pending: Pending) -> None:
        """The wait is over. What came after the answer that ended it is not awaited."""
        self._pending.discard(pending)
        for digest in pending.attempts:
            self._by_digest.pop(digest, None)
        while not pending.inbox.empty():
            if isinstance(pending.inbox.get_nowait(), Response):
                self._drop("not_awaited")

    def sent(self, pending: Pending, digest: str) -> None:
        """Note one more attempt, before it is sent."""
        pending.attempts[digest] = time.monotonic()
        pending.answered = False
        self._by_digest[digest] = pending

    def unverified_since(self, line: int) -> tuple[str, ...]:
        """Why lines after that one, counted as `unverified_lines`, could not be verified."""
        return tuple(sorted(reason for reason, last in self._last_unverified.items() if last > line))

    def follow(self, server_id: str, job_id: str, digests: Iterable[str] | None) -> Following:
        """Follow a job for as long as the returned object lives. All who follow one job share it."""
        known = None if digests is None else tuple(digests)
        following = self._followed.get((server_id, job_id))
        if following is None:
            following = self._followed[server_id, job_id] = Following(server_id, job_id, known)
        elif following.digests is not None:
            following.digests = None if known is None else tuple({*following.digests, *known})
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
        if isinstance(answer, Response):
            self._take_response(answer)
        elif isinstance(answer, Event):
            self._take_event(answer)
        else:
            self._drop(answer.reason, attributable=answer.attributable)

    def _take_response(self, response: Response) -> None:
        pending = self._by_digest.get(response.request_digest)
        if reason := _mismatch(response, pending) or (pending and pending.doubt(response)):
            self._drop(reason)
        elif pending is not None:
            pending.answered = True
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
            self.unverified_lines += 1
            self._last_unverified[reason] = self.unverified_lines

    # --- what happens to all of them ---

    def reconnected(self) -> None:
        """Answers are consumed again. Those that came meanwhile may be lost: what waits asks again."""
        for pending in self._pending:
            if pending.attempts:
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
