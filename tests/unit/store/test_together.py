"""Units of one kind that wait together are carried out as one, and each is answered as if it were alone."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import Connection, Engine, event, make_url

from tests.unit.store.given import (
    CLIENT,
    DONE,
    FAILED,
    HOLDER,
    LONG,
    SERVER,
    WITHIN,
    accepted,
    changed,
    finished,
    fresh,
    request,
    taken,
    told,
)
from toolwire.contracts.encoding import NotJson
from toolwire.contracts.jobs import EventName, Status
from toolwire.services.store import postgresql, sqlite, thread
from toolwire.services.store.port import Changed, NewRecord, Record, Store
from toolwire.services.store.sql import SqlStore

MANY = 12
UNWRITABLE = '"\ud800"'
"""Text that no database takes."""


@dataclass(slots=True)
class Gate:
    """Holds the store's thread up, so that what is asked meanwhile waits together; counts its statements."""

    store: SqlStore
    statements: int = 0
    transactions: int = 0
    _reached: threading.Event = field(default_factory=threading.Event)
    _open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def begin(self, _connection: Connection) -> None:
        self.transactions += 1
        self._reached.set()
        assert self._open.wait(WITHIN)

    def count(self, *_: object) -> None:
        self.statements += 1

    @asynccontextmanager
    async def closed(self) -> AsyncGenerator[None]:
        self._reached.clear()
        self._open.clear()
        looking = asyncio.ensure_future(self.store.running("nobody"))
        try:
            assert await asyncio.to_thread(self._reached.wait, WITHIN)
            yield
        finally:
            self._open.set()
        await looking

    async def together(self, *units: Awaitable[object]) -> list[object]:
        """What each of these gives or raises where they share a transaction."""
        async with self.closed():
            tasks = [asyncio.ensure_future(unit) for unit in units]
            await asyncio.sleep(0)
            self.statements = self.transactions = 0
        return list(await asyncio.gather(*tasks, return_exceptions=True))


@pytest_asyncio.fixture
async def gate(store_url: str) -> AsyncIterator[Gate]:
    engine = engine_at(store_url)
    async with SqlStore(engine, SERVER) as store:
        gate = Gate(store)
        event.listen(engine, "begin", gate.begin)
        event.listen(engine, "before_cursor_execute", gate.count)
        yield gate


def engine_at(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername != "sqlite":
        return postgresql.engine_for(parsed, SERVER)
    path = Path(str(parsed.database))
    sqlite.create_file(path)
    return sqlite.engine_for(path)


def accept(store: Store, new: NewRecord) -> Awaitable[Changed | Record]:
    return store.accept(new, holder=HOLDER, lease_ms=LONG)


def claim(store: Store, new: NewRecord, token: str) -> Awaitable[Changed | Record]:
    return store.claim(new, token=token, holder=HOLDER, lease_ms=LONG)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What some units are about to be done with: jobs that were accepted, and as many tokens."""

    store: Store
    jobs: Sequence[Changed]
    tokens: Sequence[str]

    @classmethod
    async def of(cls, store: Store, number: int) -> Waiting:
        births = await asyncio.gather(*(accept(store, request(kind="job")) for _ in range(number)))
        return cls(store, [changed(birth) for birth in births], [fresh("token") for _ in births])

    async def take(self) -> None:
        await asyncio.gather(*(taken(self.store, token=token) for token in self.tokens))


UNITS: dict[str, Callable[[Waiting, int], Awaitable[object]]] = {
    "accept": lambda waiting, _: accept(waiting.store, request(kind="job")),
    "claim": lambda waiting, at: claim(waiting.store, request(), waiting.tokens[at]),
    "take": lambda waiting, at: taken(waiting.store, token=waiting.tokens[at]),
    "finish": lambda waiting, at: finished(waiting.store, waiting.tokens[at]),
    "sent": lambda waiting, at: waiting.store.sent([waiting.jobs[at].messages[0].number]),
}


@pytest.mark.parametrize("kind", UNITS)
async def test_many_cost_as_few_statements_as_one(gate: Gate, kind: str) -> None:
    counts: list[int] = []
    for number in (1, MANY):
        waiting = await Waiting.of(gate.store, number)
        if kind == "finish":
            await waiting.take()
        answers = await gate.together(*(UNITS[kind](waiting, at) for at in range(number)))
        counts.append(gate.statements)
        assert [answer for answer in answers if isinstance(answer, BaseException)] == []
    assert counts[0] == counts[1]


async def test_each_is_given_what_became_of_its_own(gate: Gate) -> None:
    news = [request(kind="job", client=f"client-{number % 3}") for number in range(MANY)]
    answers = await gate.together(*(accept(gate.store, new) for new in news))
    births = [answer for answer in answers if isinstance(answer, Changed)]
    assert [birth.record.key for birth in births] == [new.key for new in news]
    assert [told(birth) for birth in births] == [[(EventName.ACCEPTED, 1)]] * MANY
    assert [await gate.store.find(new.key) for new in news] == [birth.record for birth in births]
    assert len({message.number for birth in births for message in birth.messages}) == MANY


async def test_who_came_first_is_taken_first(gate: Gate) -> None:
    news = [request(kind="job") for _ in range(MANY)]
    await gate.together(*(accept(gate.store, new) for new in news))
    looks = [changed(await taken(gate.store)) for _ in news]
    assert [look.record.key for look in looks] == [new.key for new in news]


async def test_what_is_long_shares_no_transaction(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that carries too much takes longer than a store may take to answer."""
    args, result = request().args, DONE.result or ""
    tokens = [fresh("token") for _ in range(6)]
    monkeypatch.setattr(thread, "MOST_CHARACTERS", 2 * len(args))
    births = await gate.together(*(claim(gate.store, request(), token) for token in tokens))
    assert (gate.transactions, len(births)) == (3, 6)
    monkeypatch.setattr(thread, "MOST_CHARACTERS", 3 * len(result))
    ends = await gate.together(*(finished(gate.store, token) for token in tokens))
    assert [changed(end).record.status for end in ends if isinstance(end, Changed)] == [Status.DONE] * 6
    assert gate.transactions == 2


@pytest.mark.promise("P9")
async def test_a_bad_row_costs_itself(gate: Gate) -> None:
    good, bad = [request(kind="job") for _ in range(3)], replace(request(kind="job"), args=UNWRITABLE)
    answers = await gate.together(*(accept(gate.store, new) for new in (good[0], bad, *good[1:])))
    assert [type(answer) for answer in answers] == [Changed, NotJson, Changed, Changed]
    assert await gate.store.find(bad.key) is None
    assert None not in [await gate.store.find(new.key) for new in good]


@pytest.mark.promise("P4")
async def test_of_one_request_that_waits_twice_the_first_wins(gate: Gate) -> None:
    new = request(kind="job")
    other_meaning = replace(new, meaning="meaning-2")
    there = changed(await accept(gate.store, request(kind="job"))).record
    again = replace(request(kind="job"), key=there.key)
    first, second, known = await gate.together(
        accept(gate.store, new), accept(gate.store, other_meaning), accept(gate.store, again)
    )
    assert isinstance(first, Changed)
    assert first.record.meaning == "meaning-1"
    assert second == first.record
    assert known == there


@pytest.mark.promise("P10")
async def test_a_token_is_given_up_once(gate: Gate) -> None:
    await accepted(gate.store)
    await accepted(gate.store)
    one, two = [changed(await taken(gate.store, token=token)).record for token in ("token-1", "token-2")]
    answers = await gate.together(
        finished(gate.store, "token-2", FAILED),
        finished(gate.store, "stale"),
        finished(gate.store, "token-1", DONE),
        finished(gate.store, "token-1", FAILED),
    )
    assert [answer is None for answer in answers] == [False, True, False, True]
    ends = {key: await gate.store.find(key) for key in (one.key, two.key)}
    assert [(end.status, end.result, end.error) for end in ends.values() if end is not None] == [
        (Status.DONE, DONE.result, None),
        (Status.ERROR, None, FAILED.error),
    ]
    assert [answer.record for answer in answers if isinstance(answer, Changed)] == [
        ends[two.key],
        ends[one.key],
    ]


@pytest.mark.parametrize("seed", range(2))
async def test_slots_that_look_together_get_what_they_would_get_in_turn(gate: Gate, seed: int) -> None:
    """By priority, then the client with the fewest running, then age."""
    chance = random.Random(seed)
    keys = [
        (await accepted(gate.store, client=f"client-{client}", tool=tool, priority=priority)).key
        for client, tool, priority in (
            (chance.randrange(4), chance.choice(["add", "sub"]), chance.randrange(2)) for _ in range(16)
        )
    ]
    in_turn = [changed(await taken(gate.store, tools=["add", "sub"])).record for _ in keys]
    assert await taken(gate.store, tools=["add", "sub"]) is None
    for record in in_turn:
        await gate.store.retry(record.token or "", delay_ms=0, holder=HOLDER, lease_ms=LONG)
    slots = [fresh("slot") for _ in range(len(keys) + 2)]
    looks = await gate.together(*(taken(gate.store, token=slot, tools=["add", "sub"]) for slot in slots))
    found = [look.record for look in looks if isinstance(look, Changed)]
    assert [record.key for record in found] == [record.key for record in in_turn]
    assert [record.token for record in found] == slots[: len(found)]
    assert looks[len(found) :] == [None, None]


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
@pytest.mark.postgres
async def test_a_record_that_another_replica_is_taking_is_passed_over(gate: Gate, store_url: str) -> None:
    jobs = [await accepted(gate.store) for _ in range(4)]
    with psycopg.connect(store_url) as other:
        other.execute(
            "SELECT 1 FROM tw_records WHERE client_id = %s AND request_id = %s FOR UPDATE",
            (CLIENT, jobs[0].key.request_id),
        )
        looks = await gate.together(*(taken(gate.store) for _ in range(2)))
    assert {look.record.key for look in looks if isinstance(look, Changed)} == {jobs[1].key, jobs[2].key}


async def test_kinds_that_wait_among_each_other_are_all_done(gate: Gate) -> None:
    store = gate.store
    known = [changed(await accept(store, request(kind="job"))) for _ in range(5)]
    await claim(store, request(), "token-1")
    answers: Sequence[object] = await gate.together(
        accept(store, request(kind="job")),
        finished(store, "token-1"),
        store.sent([known[0].messages[0].number]),
        taken(store, token="token-2"),
        store.find(known[4].record.key),
        accept(store, request(kind="job")),
        taken(store, token="token-3"),
    )
    kinds = [Changed, Changed, type(None), Changed, Record, Changed, Changed]
    assert [type(answer) for answer in answers] == kinds
    assert (await store.counts()).unsent == 5 - 1 + 2 + 2
