"""How much lies in the store: what is not over, of one server, and without a look at all rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, create_engine, text

from tests.unit.store.given import accepted, claimed, eventually, finished, running, taken
from toolwire.contracts.jobs import Status
from toolwire.services.store import counts, open_store
from toolwire.services.store.port import Store


async def by_status(store: Store) -> tuple[int, int]:
    """The jobs that wait and those that run."""
    jobs = (await store.counts()).jobs
    assert set(jobs) == {Status.ACCEPTED, Status.RUNNING}
    return jobs[Status.ACCEPTED], jobs[Status.RUNNING]


async def test_an_empty_store_has_nothing(store: Store) -> None:
    found = await store.counts()
    assert set(found.jobs.values()) == {0}
    assert (found.oldest_waiting_ms, found.longest_silence_ms, found.unsent) == (0, 0, 0)


async def test_jobs_are_counted_until_they_are_over(store: Store) -> None:
    await accepted(store)
    await accepted(store, client="client-2", tool="mul")
    assert await by_status(store) == (2, 0)
    await taken(store, token="token-1")
    assert await by_status(store) == (1, 1)
    await finished(store, "token-1")
    assert await by_status(store) == (1, 0)


async def test_calls_are_no_jobs(store: Store) -> None:
    await claimed(store, token="token-1")
    assert await by_status(store) == (0, 0)


async def test_another_servers_jobs_are_not_counted(store: Store, store_url: str) -> None:
    async with open_store(store_url, "server-2") as elsewhere:
        await accepted(elsewhere)
        assert await by_status(elsewhere) == (1, 0)
        assert await by_status(store) == (0, 0)
        assert (await store.counts()).unsent == 0


async def test_the_age_of_the_oldest_grows(store: Store) -> None:
    await accepted(store)

    async def aged() -> bool:
        return (await store.counts()).oldest_waiting_ms > 20

    await eventually(aged)


async def test_the_silence_of_a_running_job_grows_until_it_tells_something(store: Store) -> None:
    await accepted(store)
    await taken(store, token="token-1")

    async def silent() -> bool:
        return (await store.counts()).longest_silence_ms > 20

    await eventually(silent)
    await finished(store, "token-1")
    assert (await store.counts()).longest_silence_ms == 0


async def test_a_call_is_never_silent(store: Store) -> None:
    await claimed(store, token="token-1")
    assert (await store.counts()).longest_silence_ms == 0


async def test_a_job_that_is_not_due_does_not_wait(store: Store) -> None:
    await running(store, token="token-1")
    await store.retry("token-1", delay_ms=60_000, holder="replica-1", lease_ms=1000)
    found = await store.counts()
    assert (found.jobs[Status.ACCEPTED], found.oldest_waiting_ms) == (1, 0)


async def test_unsent_events_are_counted_until_they_are_sent(store: Store) -> None:
    await accepted(store, lease_ms=0)
    assert (await store.counts()).unsent == 1
    found = await store.unsent(holder="sweeper", lease_ms=1000, limit=9)
    assert (await store.counts()).unsent == 1, "it is on its way"
    await store.sent([message.number for message in found])
    assert (await store.counts()).unsent == 0


@pytest.mark.parametrize(
    ("statement", "index"),
    list(
        zip(
            counts.STATEMENTS,
            ("INDEX tw_records_waiting", "INDEX tw_records_held", "COVERING INDEX tw_outbox"),
            strict=True,
        )
    ),
    ids=["waiting", "running", "unsent"],
)
async def test_only_partial_indexes_are_read(tmp_path: Path, statement: Select[Any], index: str) -> None:
    """A million records that are over must cost a scrape nothing."""
    path = tmp_path / "store.sqlite3"
    async with open_store(f"sqlite:///{path}", "server-1") as store:
        await accepted(store)
    engine = create_engine(f"sqlite:///{path}")
    asked = statement.params(server="server-1")
    written = asked.compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {written}"))]
    engine.dispose()
    searched = [step for step in plan if "tw_" in step]
    assert len(searched) == 1
    assert index in searched[0]
