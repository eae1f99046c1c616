"""The leases that a replica holds."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.services.given import CLIENT, HOLDER, LEASE_MS, TOOLS, new_record
from tests.waiting import wait_until
from toolwire.contracts.jobs import Status
from toolwire.services.running.leases import Ending, Held, Leases
from toolwire.services.store import open_store
from toolwire.services.store.port import Changed, Outcome, Record, Store

SOON = 5.0


async def claimed(store: Store, token: str, *, lease_ms: int = LEASE_MS) -> Record:
    got = await store.claim(
        new_record(TOOLS["charge"], {"amount": 1}), token=token, holder=HOLDER, lease_ms=lease_ms
    )
    assert isinstance(got, Changed)
    return got.record


async def held_until_ended(leases: Leases, token: str, held: list[Held]) -> Ending | None:
    with leases.hold(token) as lease:
        held.append(lease)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lease.task.uncancel()
    return lease.ending


@pytest.fixture
def leases(store: Store) -> Leases:
    return Leases(store, 150)


@pytest_asyncio.fixture
async def keeping(leases: Leases) -> AsyncIterator[None]:
    keeper = asyncio.create_task(leases.keep())
    yield
    keeper.cancel()
    await asyncio.wait({keeper})


@pytest.mark.usefixtures("keeping")
async def test_what_is_held_is_renewed(leases: Leases, store: Store) -> None:
    record = await claimed(store, "token-1", lease_ms=150)

    def until() -> int:
        assert record.lease_until_ms is not None
        return record.lease_until_ms

    first = until()
    with leases.hold("token-1"):
        assert len(leases) == 1
        for _ in range(500):
            found = await store.find(record.key)
            assert found is not None
            record = found
            if until() > first:
                break
            await asyncio.sleep(0.01)
    assert until() > first
    assert len(leases) == 0


@pytest.mark.promise("P10")
@pytest.mark.usefixtures("keeping")
async def test_a_lost_lease_ends_its_tool_and_no_other(leases: Leases, store: Store) -> None:
    record = await claimed(store, "token-1")
    await claimed(store, "token-2")
    held: list[Held] = []
    lost = asyncio.create_task(held_until_ended(leases, "token-1", held))
    kept = asyncio.create_task(held_until_ended(leases, "token-2", held))
    await wait_until(lambda: len(leases) == 2, SOON, "both are held")
    await store.finish(
        "token-1", Outcome(Status.DONE, "1"), progress=None, tell=False, holder="somebody", lease_ms=LEASE_MS
    )
    assert await asyncio.wait_for(lost, SOON) is Ending.FENCED
    assert not kept.done()
    assert record.token == "token-1"
    leases.end_all(Ending.DRAINING)
    assert await asyncio.wait_for(kept, SOON) is Ending.DRAINING


async def test_a_cancel_is_found_at_once_when_told_to_look(store: Store) -> None:
    leases = Leases(store, 60_000)  # by itself it would look after 20 seconds
    keeper = asyncio.create_task(leases.keep())
    await store.accept(new_record(TOOLS["build"], job_id="job-c"), holder=HOLDER, lease_ms=LEASE_MS)
    await store.take(["build"], token="token-1", holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
    running = asyncio.create_task(held_until_ended(leases, "token-1", []))
    await wait_until(lambda: len(leases) == 1, SOON, "it is held")

    leases.look_now()
    await store.cancel(CLIENT, "job-c", "{}", holder=HOLDER, lease_ms=LEASE_MS)
    leases.look_now()

    assert await asyncio.wait_for(running, SOON) is Ending.CANCELLED
    keeper.cancel()
    await asyncio.wait({keeper})


async def test_who_ends_while_the_store_is_asked_is_left_alone(store: Store, tmp_path: Path) -> None:
    """Its token is gone because it gave it up itself."""
    leases = Leases(store, 60_000)
    keeper = asyncio.create_task(leases.keep())
    lock = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with leases.hold("given up") as held:
        leases.look_now()
        for _ in range(4):  # turns of the loop until the store is asked, which waits for the lock
            await asyncio.sleep(0)
        held.settling = True
        lock.close()
        await store.running(HOLDER)  # answered after the renewal
        await asyncio.sleep(0)
        assert (held.ending, held.task.cancelling()) == (None, 0)
    keeper.cancel()
    await asyncio.wait({keeper})


async def test_with_nothing_held_the_store_is_not_asked(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    leases = Leases(store, 60_000)
    await store.__aexit__()
    keeper = asyncio.create_task(leases.keep())
    for _ in range(10):
        leases.look_now()
        await asyncio.sleep(0)
    assert caplog.text == ""
    keeper.cancel()
    await asyncio.wait({keeper})


async def test_a_store_that_is_away_ends_nothing(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with open_store(store_url, "server-1") as store:
        await claimed(store, "token-1")
    leases = Leases(store, 30)
    keeper = asyncio.create_task(leases.keep())
    running = asyncio.create_task(held_until_ended(leases, "token-1", []))
    await wait_until(lambda: caplog.text.count("leases are not renewed") > 1, SOON, "it has tried twice")
    assert not running.done()
    leases.end_all(Ending.DRAINING)
    assert await running is Ending.DRAINING
    keeper.cancel()
    await asyncio.wait({keeper})


def ends(order: list[Ending]) -> Callable[[Held], None]:
    def end(held: Held) -> None:
        for ending in order:
            held.end(ending)

    return end


async def test_the_first_reason_stands_and_cancels_once(leases: Leases) -> None:
    held: list[Held] = []
    running = asyncio.create_task(held_until_ended(leases, "token-1", held))
    await wait_until(lambda: held, SOON, "it is held")
    ends([Ending.CANCELLED, Ending.DRAINING, Ending.FENCED])(held[0])
    assert running.cancelling() == 1
    assert await running is Ending.CANCELLED


async def test_what_is_settling_cannot_be_ended_any_more(leases: Leases) -> None:
    with leases.hold("token-1") as held:
        held.settling = True
        leases.end_all(Ending.CANCELLED)
        await asyncio.sleep(0)
        assert held.ending is None
        assert held.task.cancelling() == 0
