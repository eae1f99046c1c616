"""Progress on its way to the store."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.services.given import HOLDER, LEASE_MS, TOOLS, new_record
from tests.waiting import wait_until
from toolwire.contracts.snapshots import Progress
from toolwire.services.store.port import Record, Store
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.recording import Recording
from toolwire.services.telling.reporter import INTERVAL_S, Reporter

SOON = 5.0
TOKEN = "token-1"


def at(fraction: float) -> Progress:
    return Progress(fraction=fraction)


async def started(store: Store) -> Record:
    await store.accept(new_record(TOOLS["build"]), holder=HOLDER, lease_ms=LEASE_MS)
    taken = await store.take(["build"], token=TOKEN, holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
    assert taken is not None
    return taken.record


def reporter(store: Store, outbox: Outbox, record: Record) -> Reporter:
    return Reporter(Recording(store, outbox, record, HOLDER, LEASE_MS), on_lost=lambda: None)


async def recorded(store: Store, record: Record, progress: Progress) -> Record:
    """The record, as soon as it shows this progress."""
    until = asyncio.get_running_loop().time() + SOON
    while asyncio.get_running_loop().time() < until:
        found = await store.find(record.key)
        assert found is not None
        if found.progress == progress.model_dump_json():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"{progress} was not recorded")


async def test_of_many_reports_the_last_is_kept(store: Store, outbox: Outbox) -> None:
    record = await started(store)
    reports = reporter(store, outbox, record)
    begun = asyncio.get_running_loop().time()
    for number in range(1001):
        reports.report(at(number / 1000))
    found = await recorded(store, record, at(1.0))
    steps = 2 + (asyncio.get_running_loop().time() - begun) / INTERVAL_S
    assert found.seq - record.seq <= steps
    assert await reports.close() is None


async def test_what_was_not_recorded_yet_comes_with_the_end(store: Store, outbox: Outbox) -> None:
    record = await started(store)
    reports = reporter(store, outbox, record)
    reports.report(at(0.1))
    await recorded(store, record, at(0.1))
    reports.report(at(0.9))
    assert await reports.close() == at(0.9).model_dump_json()


async def test_the_end_does_not_wait_for_the_interval(store: Store, outbox: Outbox) -> None:
    record = await started(store)
    reports = reporter(store, outbox, record)
    reports.report(at(0.1))
    await recorded(store, record, at(0.1))
    async with asyncio.timeout(INTERVAL_S / 2):
        assert await reports.close() is None


async def test_nobody_reported_anything(store: Store, outbox: Outbox) -> None:
    assert await reporter(store, outbox, await started(store)).close() is None


async def test_reports_come_from_any_thread(store: Store, outbox: Outbox) -> None:
    record = await started(store)
    reports = reporter(store, outbox, record)
    thread = threading.Thread(target=reports.report, args=[at(0.7)])
    thread.start()
    await recorded(store, record, at(0.7))
    thread.join()
    assert await reports.close() is None


async def test_a_thread_that_outlives_its_attempt_reports_to_nobody(store: Store, outbox: Outbox) -> None:
    record = await started(store)
    reports = reporter(store, outbox, record)
    await reports.close()
    reports.report(at(0.7))
    await asyncio.sleep(0)
    found = await store.find(record.key)
    assert found is not None
    assert found.progress is None


@pytest.mark.promise("P10")
async def test_progress_under_a_lost_token_is_dropped(store: Store, outbox: Outbox) -> None:
    record = await started(store)
    reports = reporter(store, outbox, replace(record, token="another"))
    reports.report(at(0.7))
    for _ in range(5):  # turns of the loop until the store is asked
        await asyncio.sleep(0)
    assert await reports.close() is None
    found = await store.find(record.key)
    assert found is not None
    assert (found.progress, found.seq) == (None, record.seq)


async def test_progress_waits_while_the_store_is_away(
    store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    record = await started(store)
    reports = reporter(store, outbox, record)
    await store.__aexit__()
    reports.report(at(0.4))
    await wait_until(lambda: "progress was not recorded" in caplog.text, SOON, "it has tried")
    await store.__aenter__()
    await recorded(store, record, at(0.4))
    assert await reports.close() is None


async def test_a_newer_report_goes_before_the_one_that_failed(
    store: Store, outbox: Outbox, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    reports = reporter(store, outbox, await started(store))
    await store.__aexit__()
    reports.report(at(0.4))
    await wait_until(lambda: "progress was not recorded" in caplog.text, SOON, "it has tried")
    reports.report(at(0.6))
    assert await reports.close() == at(0.6).model_dump_json()
    await store.__aenter__()
