"""The outbox, as far as it goes without a broker."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.unit.services.given import LEASE_MS, TOOLS, new_record
from toolwire.contracts.jobs import Status
from toolwire.services.store.port import Changed, Message, Store
from toolwire.services.telling.outbox import Outbox

SOON = 5.0


async def written(store: Store) -> Message:
    """The row of a job that was just accepted; its sender did not settle it in time."""
    accepted = await store.accept(new_record(TOOLS["build"]), holder="gone", lease_ms=0)
    assert isinstance(accepted, Changed)
    return accepted.messages[0]


async def test_a_row_that_waits_is_not_drained(store: Store, outbox: Outbox) -> None:
    async with asyncio.timeout(SOON):
        await outbox.drained()
    outbox.tell([await written(store)])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await outbox.drained()


@pytest.mark.promise("P9")
async def test_a_row_that_can_never_be_sent_is_settled_and_logged(
    store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    """It would come back with every sweep, and its record could never be forgotten."""
    message = await written(store)
    too_large = f'"{"x" * 2**20}"'
    outbox.tell([replace(message, record=replace(message.record, status=Status.DONE, result=too_large))])
    working = asyncio.create_task(outbox.work())
    async with asyncio.timeout(SOON):
        await outbox.drained()
    assert "an outbox row can never be sent" in caplog.text
    assert await store.unsent(holder="sweep", lease_ms=LEASE_MS, limit=10) == []
    working.cancel()
    await asyncio.wait({working})


async def test_a_row_that_the_sweep_finds_again_is_not_sent_again(
    store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    """While the broker is away rows wait here for longer than their lease."""
    message = await written(store)
    broken = replace(message, record=replace(message.record, status=Status.ERROR))
    for _ in range(3):
        outbox.tell([broken])
    working = asyncio.create_task(outbox.work())
    async with asyncio.timeout(SOON):
        await outbox.drained()
    assert caplog.text.count("an outbox row can never be sent") == 1
    outbox.tell([broken])
    async with asyncio.timeout(SOON):
        await outbox.drained()
    assert caplog.text.count("an outbox row can never be sent") == 2
    working.cancel()
    await asyncio.wait({working})


async def test_only_so_much_waits_here_and_the_rest_in_the_store(
    store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the broker is away jobs go on and tell; each row holds the arguments of its record."""
    monkeypatch.setattr("toolwire.services.telling.outbox.MOST_HELD", 3 * 2**20)
    found = [await written(store) for _ in range(5)]
    broken = [
        replace(message, record=replace(message.record, status=Status.ERROR, args="x" * 2**20))
        for message in found
    ]
    outbox.tell(broken)
    working = asyncio.create_task(outbox.work())
    async with asyncio.timeout(SOON):
        await outbox.drained()
    assert caplog.text.count("an outbox row can never be sent") == 2
    swept = await store.unsent(holder="sweep", lease_ms=LEASE_MS, limit=10)
    assert [message.number for message in swept] == [message.number for message in found[2:]]
    outbox.tell(broken[2:4])
    async with asyncio.timeout(SOON):
        await outbox.drained()
    assert caplog.text.count("an outbox row can never be sent") == 4
    working.cancel()
    await asyncio.wait({working})
