"""The store as the service sees it: the truth about every claimed request, and the job queue.

Every method is one unit that happens whole or not at all, and is scoped by the server whose store this is.
Times are the store's own clock, in milliseconds. A token is the right to write an outcome: whoever does not
hold the current one changes nothing and is told so (promise P10).

Raises `StoreAway` where the store cannot be reached, and `CommitUnknown` where it was lost while the unit was
being committed: then the caller reads again and compares tokens.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from toolwire.contracts.errors import ToolwireError
from toolwire.contracts.history import HistoryEntry, Why
from toolwire.contracts.jobs import EventName, Status

Kind = Literal["call", "job"]


class StoreAway(ToolwireError):
    """The store cannot be reached now."""


class CommitUnknown(StoreAway):
    """The store was lost while committing: the unit may or may not have happened."""


@dataclass(frozen=True, slots=True)
class RecordKey:
    """What a request is known by (promise P4); the server is the store's."""

    client_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where the answer goes and what it answers; the newest authentic attempt decides."""

    reply_to: str
    request_digest: str
    kid: str
    """The key that signed the attempt: what is sealed with a shared secret is answered with it."""
    asked_ms: int
    """When the client signed the attempt: an older one that comes later, replayed, moves nothing."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A request that is about to be claimed (`call`) or accepted (`job`)."""

    key: RecordKey
    kind: Kind
    meaning: str
    tool: str
    args: str
    """Canonical JSON."""
    trace: str | None
    address: Address
    deadline_ms: int
    max_attempts: int
    """How often the tool may start; 1 means that it must not run twice."""
    priority: int = 0
    run_at_ms: int | None = None
    """Not to be taken before this time."""
    needs: str | None = None
    """What a replica must have to take it, if that is more than the tool: one revision of it."""
    job_id: str | None = None
    """For a job, drawn by the caller."""


@dataclass(frozen=True, slots=True)
class Record:
    """A claimed request as it stands."""

    key: RecordKey
    kind: Kind
    job_id: str | None
    meaning: str
    tool: str
    args: str
    """Canonical JSON; empty once forgotten."""
    trace: str | None
    needs: str
    """What a replica must have to take it: the tool, or one revision of it."""
    address: Address
    status: Status
    attempt: int
    max_attempts: int
    priority: int
    due_ms: int
    """Not to be taken before this time."""
    seq: int
    progress: str | None
    """JSON of `Progress`."""
    question: str | None
    """JSON of what a parked job asks: `Question`, and the name of the answer's model."""
    checkpoint: str | None
    """Canonical JSON: what the tool saved last."""
    answers: str | None
    """A JSON object: by the questions' keys, what the owner answered, and what came with that."""
    result: str | None
    """Canonical JSON, when the status is `done` and the body has not left yet."""
    error: str | None
    """JSON of `WireError`."""
    created_ms: int
    started_ms: int | None
    updated_ms: int
    """When status or progress changed last; a renewal, an intent to cancel and a new address do not count."""
    deadline_ms: int
    token: str | None
    holder: str | None
    """The replica that holds the lease."""
    lease_until_ms: int | None
    cancel_requested: bool
    forgotten: bool
    """The body has left; only the tombstone (ids, meaning, status) stands."""


@dataclass(frozen=True, slots=True)
class Message:
    """An outbox row: an event of a job, or the answer to a call whose delivery was given back early.

    The one who wrote it holds it for one lease and sends it; a sweep takes over what stays unsent.
    """

    number: int
    """Its place in the outbox, growing."""
    key: RecordKey
    address: Address
    """As the record had it when this was handed out: what is sent late goes to the newest address."""
    tool: str
    trace: str | None
    event: EventName | None
    """None: the answer to a call."""
    seq: int
    record: Record
    """The record as it stood when this was written: what the message tells."""
    output: str | None = None
    """The pieces of an output event, as a JSON array."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A unit that changed a record, and what is to be told of it, in order."""

    record: Record
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an attempt ended without a result, for the job's history."""

    why: Why
    error_id: str | None = None
    """Where the log tells more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    status: Literal[Status.DONE, Status.ERROR, Status.CANCELLED]
    result: str | None = None
    error: str | None = None
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Emitted:
    """The pieces that one output event told."""

    seq: int
    """The event's."""
    attempt: int
    pieces: str
    """A JSON array."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a job put out, oldest first, as far as it was asked for."""

    seq: int
    """How many events the job had recorded: nothing that one of them told is missing before the last here."""
    emitted: tuple[Emitted, ...]
    more: bool
    """Whether there is more after the last of them."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What a renewal found for a token that still holds."""

    cancel_requested: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of a server lies in the store and is not over."""

    jobs: Mapping[Status, int]
    """Its jobs by status, without those that are final."""
    oldest_waiting_ms: int
    """For how long the accepted job that waits longest has been due."""
    longest_silence_ms: int
    """For how long the running job that has told nothing for longest has been silent."""
    unsent: int
    """Its rows in the outbox."""


class Store(Protocol):
    """The port. One implementation on SQLAlchemy Core serves SQLite and PostgreSQL."""

    async def __aenter__(self) -> "Store":
        """Open, create what is missing, and refuse a newer schema."""
        ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def find(self, key: RecordKey) -> Record | None:
        """The record of a request."""
        ...

    async def claim(self, new: NewRecord, *, token: str, holder: str, lease_ms: int) -> Changed | Record:
        """Insert a call as `running` under `token`, attempt 1; or give the record that was there first."""
        ...

    async def accept(self, new: NewRecord, *, holder: str, lease_ms: int) -> Changed | Record:
        """Insert a job as `accepted` with its event; or give the record that was there first."""
        ...

    async def readdress(self, key: RecordKey, address: Address, *, deadline_ms: int) -> Record | None:
        """Note another attempt of a request that is on record: the answer goes to the newest one, and the
        tombstone stays as long as any of them could be replayed.
        """
        ...

    async def take(
        self, needs: Collection[str], *, token: str, holder: str, lease_ms: int, kinds: Collection[Kind]
    ) -> Changed | None:
        """Take the best runnable record under `token`: accepted, due, with one of these needs, before its
        deadline; by priority, then the client with the fewest running, then age, which counts from `due_ms`.
        Counts the attempt, which starts without progress.
        """
        ...

    async def renew(self, tokens: Collection[str], *, lease_ms: int) -> Mapping[str, Lease]:
        """Push the leases on. A token that is missing from the answer is lost: somebody else decides now. A
        lease that ran out can be renewed as long as nothing has settled it.
        """
        ...

    async def progress(self, token: str, progress: str, *, holder: str, lease_ms: int) -> Changed | None:
        """Record how far the job is, with its event. None: the token is lost."""
        ...

    async def finish(
        self, token: str, outcome: Outcome, *, progress: str | None, tell: bool, holder: str, lease_ms: int
    ) -> Changed | None:
        """Record the outcome and give up the token. None: the token is lost and nothing was written. Without
        `progress` the last one stays.

        A job always writes its event. A call writes its answer to the outbox only if `tell` is set: while the
        delivery is held, the broker's redelivery covers a crash before the answer was sent.
        """
        ...

    async def emit(
        self, token: str, pieces: str, *, after: int, holder: str, lease_ms: int
    ) -> Changed | None:
        """Record pieces of output, a JSON array, with their event, which follows the event number `after`.
        None: the token is lost, or something follows that event already. So the same pieces can be given
        again where it is not known whether they were recorded.
        """
        ...

    async def save(self, token: str, checkpoint: str) -> bool:
        """Keep what the tool wants to find again in its next attempt. No event, and the snapshot stays as it
        is. False: the token is lost and nothing was written.
        """
        ...

    async def park(
        self, token: str, question: str, *, progress: str | None, holder: str, lease_ms: int
    ) -> Changed | None:
        """End the attempt with a question to the job's owner: `input_required`, held by nobody, and with one
        attempt more than before. None: the token is lost and nothing was written. Where a cancel was asked
        for, it is `cancelled` instead, and told so.
        """
        ...

    async def answer(
        self,
        client_id: str,
        job_id: str,
        key: str,
        answer: str,
        *,
        asked: str,
        holder: str,
        lease_ms: int,
    ) -> Changed | Record | None:
        """Put a JSON value under `key` into the answers of a parked job, which is `accepted` again, as old as
        it was. The record as it stands where it does not ask the question `asked` any more: the first answer
        wins. None: this client has no such job.
        """
        ...

    async def retry(
        self, token: str, *, delay_ms: int, holder: str, lease_ms: int, cause: Cause | None = None
    ) -> Changed | None:
        """End the attempt without an outcome: `accepted` again, due after the delay, told as `retrying`; with
        no delay it keeps its age. Where a cancel was asked for, it is `cancelled` instead, and told so.
        """
        ...

    async def cancel(
        self, client_id: str, job_id: str, error: str, *, holder: str, lease_ms: int
    ) -> Changed | None:
        """Cancel a waiting job at once and a running one by intent; a finished one stays as it is.
        None: this client has no such job.
        """
        ...

    async def job(self, client_id: str, job_id: str) -> Record | None:
        """One job of this client."""
        ...

    async def history(self, client_id: str, job_id: str) -> Sequence[HistoryEntry]:
        """What became of one job of this client, oldest first; nothing where it has no such job, or its body
        has left. Of many attempts the newest.
        """
        ...

    async def outputs(
        self, client_id: str, job_id: str, *, after: int, limit: int, most_bytes: int
    ) -> Outputs | None:
        """What one job of this client put out after the event number `after`: at most `limit` events' worth
        and `most_bytes`, but at least one if there is any. None: this client has no such job, or its body has
        left or is leaving.
        """
        ...

    async def jobs(
        self, client_id: str, *, statuses: Collection[Status], limit: int, before: str | None
    ) -> Sequence[Record]:
        """This client's jobs in these statuses, newest first, from after the job `before` on; none where the
        client has no such job.
        """
        ...

    async def sent(self, numbers: Collection[int]) -> None:
        """These outbox rows are settled: confirmed by the broker, or undeliverable for good."""
        ...

    async def unsent(self, *, holder: str, lease_ms: int, limit: int) -> Sequence[Message]:
        """Lease outbox rows whose sender did not settle them in time, oldest first; none behind a row of the
        same record that somebody is sending now.
        """
        ...

    async def lead(self, role: str, *, holder: str, lease_ms: int) -> bool:
        """Whether this holder has the role now: it is free, its own, or its lease has run out."""
        ...

    async def settle_lost(
        self, *, interrupted: str, holder: str, lease_ms: int, limit: int
    ) -> Sequence[Changed]:
        """Leases that have run out: again (`accepted`, due at once) where attempts are left, else an error
        with `interrupted` as its body; `cancelled`, with the error that the cancel brought, where one was
        asked for. A call's answer goes to the outbox.
        """
        ...

    async def settle_expired(
        self, *, expired: str, holder: str, lease_ms: int, limit: int
    ) -> Sequence[Changed]:
        """Records past their deadline in any status that is not final: an error with `expired` as body."""
        ...

    async def forget(self, *, result_ttl_ms: int, skew_ms: int, limit: int) -> int:
        """Drop bodies of records that ended `result_ttl_ms` ago, and whole records after their deadline plus
        twice the skew (never before their body left, nor while a message of theirs is unsent). What a job put
        out leaves first, in as many steps as that takes. Says how many rows changed.
        """
        ...

    async def counts(self) -> Counts:
        """How much lies here: for a look inside. Costs as much as there is that waits or runs."""
        ...

    async def running(self, holder: str) -> int:
        """How many records this holder has under a lease: for a look inside and for tests."""
        ...
