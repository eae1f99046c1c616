"""What the store's tests have in common: requests to start from, and short words for the usual steps."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store.port import (
    Address,
    Changed,
    Kind,
    Message,
    NewRecord,
    Outcome,
    Record,
    RecordKey,
    Store,
)

T = TypeVar("T")

SERVER = "server-1"
CLIENT = "client-1"
HOLDER = "replica-1"
OTHER = "replica-2"
LONG = 60_000  # milliseconds: a lease that does not run out in a test
SHORT = 30  # milliseconds: a lease to wait for
WITHIN = 20.0  # seconds

HOME = Address("client-1.instance-1", "digest-1", "kid-1", asked_ms=1)
ELSEWHERE = Address("client-1.instance-2", "digest-2", "kid-2", asked_ms=2)
DONE = Outcome(Status.DONE, result='{"total":6}')
FAILED = Outcome(Status.ERROR, error='{"code":"tool_error"}')
CANCELLED = Outcome(Status.CANCELLED, error='{"code":"cancelled"}')

_numbers = itertools.count(1)


def fresh(word: str = "id") -> str:
    """Make an id that no other call of this test run has made."""
    return f"{word}-{next(_numbers)}"


def request(
    *,
    kind: Kind = "call",
    client: str = CLIENT,
    request_id: str | None = None,
    tool: str = "add",
    attempts: int = 1,
    priority: int = 0,
    ttl_ms: int = LONG,
) -> NewRecord:
    """Make a call that is claimed next."""
    return NewRecord(
        key=RecordKey(client, request_id or fresh("request")),
        kind=kind,
        meaning="meaning-1",
        tool=tool,
        args='{"numbers":[1,2,3]}',
        trace="trace-1",
        address=HOME,
        deadline_ms=int(time.time() * 1000) + ttl_ms,
        max_attempts=attempts,
        priority=priority,
        job_id=fresh("job") if kind == "job" else None,
    )


async def accepted(
    store: Store,
    *,
    client: str = CLIENT,
    tool: str = "add",
    attempts: int = 3,
    priority: int = 0,
    ttl_ms: int = LONG,
    lease_ms: int = LONG,
) -> Record:
    """Accept a job and return its record; `lease_ms` is how long its event is the writer's to send."""
    new = request(kind="job", client=client, tool=tool, attempts=attempts, priority=priority, ttl_ms=ttl_ms)
    return changed(await store.accept(new, holder=HOLDER, lease_ms=lease_ms)).record


async def taken(
    store: Store,
    *,
    token: str = "",
    holder: str = HOLDER,
    lease_ms: int = LONG,
    tools: Sequence[str] = ("add",),
) -> Changed | None:
    """Take whatever is best."""
    return await store.take(
        tools, token=token or fresh("token"), holder=holder, lease_ms=lease_ms, kinds=["call", "job"]
    )


async def running(
    store: Store, *, token: str, attempts: int = 3, lease_ms: int = LONG, client: str = CLIENT
) -> Record:
    """Accept a job, take it under `token`, and return its record."""
    await accepted(store, attempts=attempts, client=client)
    return changed(await taken(store, token=token, lease_ms=lease_ms)).record


async def claimed(
    store: Store, *, token: str, attempts: int = 1, lease_ms: int = LONG, ttl_ms: int = LONG
) -> Record:
    """Claim a call under `token` and return its record."""
    new = request(attempts=attempts, ttl_ms=ttl_ms)
    return changed(await store.claim(new, token=token, holder=HOLDER, lease_ms=lease_ms)).record


async def finished(
    store: Store, token: str, outcome: Outcome = DONE, *, lease_ms: int = LONG
) -> Changed | None:
    """End the attempt that `token` stands for."""
    return await store.finish(token, outcome, progress=None, tell=False, holder=HOLDER, lease_ms=lease_ms)


def changed(answer: Changed | Record | None) -> Changed:
    """Say that the unit changed a record, and return what it changed."""
    assert isinstance(answer, Changed), answer
    return answer


def told(change: Changed) -> list[tuple[EventName | None, int]]:
    """Name the event and the `seq` of each message."""
    return [(message.event, message.seq) for message in change.messages]


async def unsent(
    store: Store, *, holder: str = OTHER, lease_ms: int = LONG, limit: int = 100
) -> Sequence[Message]:
    """Lease what nobody has sent in time."""
    return await store.unsent(holder=holder, lease_ms=lease_ms, limit=limit)


async def eventually(look: Callable[[], Awaitable[T]]) -> T:
    """Look again and again until there is something, and return it."""
    until = time.monotonic() + WITHIN
    while not (found := await look()):
        assert time.monotonic() < until, f"not within {WITHIN:g} s"
        await asyncio.sleep(SHORT / 1000 / 5)
    return found
