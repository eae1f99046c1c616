"""Every statement finds its rows by an index: the plans that SQLite makes for what the store really runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, event

from tests.unit.store.given import (
    CLIENT,
    DONE,
    ELSEWHERE,
    HOLDER,
    LONG,
    SERVER,
    accepted,
    claimed,
    finished,
    running,
    taken,
    unsent,
)
from toolwire.contracts.history import KEPT_ATTEMPTS
from toolwire.contracts.jobs import Status
from toolwire.services.store.port import Store
from toolwire.services.store.sql import SqlStore
from toolwire.services.store.sqlite import create_file, engine_for

SMALL = (
    *("SCAN lanes", "SCAN oldest", "SCAN CONSTANT ROW", "SCAN (subquery"),
    *("SCAN each_row", "SCAN kinds", "SCAN needs", "SCAN numbers"),
)
"""What may be walked through: the lanes, heads and busy clients that were found, a row of no table, and what
a statement was given.
"""

SEARCHES = (
    "tw_records_waiting (server_id=? AND client_id=? AND needs=? AND priority>?)",
    "tw_records_held (server_id=? AND lease_until_ms>?)",
)
"""What taking stands on, and what a planner may easily do otherwise."""


async def test_no_statement_steps_through_a_table(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    create_file(path)
    engine = engine_for(path)
    ran: dict[str, tuple[object, ...]] = {}

    async with SqlStore(engine, SERVER) as store:

        def note(
            _connection: Connection, _cursor: object, statement: str, values: tuple[object, ...], *_: object
        ) -> None:
            ran[statement] = values

        event.listen(engine, "before_cursor_execute", note)
        await call_everything(store)
    steps = {step for statement, values in ran.items() for step in plan(path, statement, values)}
    assert {step for step in steps if step.startswith("SCAN") and not step.startswith(SMALL)} == set()
    assert any(
        "tw_records_waiting (server_id=? AND client_id=? AND needs=? AND priority>?)" in s for s in steps
    )
    assert any("tw_records_held (server_id=? AND lease_until_ms>?)" in step for step in steps)


async def call_everything(store: Store) -> None:
    """Make the store run each of its statements at least once."""
    call = await claimed(store, token="token-1", lease_ms=0)
    await store.readdress(call.key, ELSEWHERE, deadline_ms=call.deadline_ms)
    job = await running(store, token="token-2")
    await store.renew(["token-2"], lease_ms=LONG)
    await store.progress("token-2", "{}", holder=HOLDER, lease_ms=LONG)
    job = await store.find(job.key) or job
    await store.emit("token-2", "[1]", after=job.seq, holder=HOLDER, lease_ms=0)
    await store.outputs(CLIENT, job.job_id or "", after=0, limit=9, most_bytes=9)
    await store.retry("token-2", delay_ms=0, holder=HOLDER, lease_ms=LONG)
    await taken(store, token="token-3")
    await finished(store, "token-3")
    job = await accepted(store, ttl_ms=-LONG, lease_ms=0)
    await store.job(CLIENT, job.job_id or "")
    await store.history(CLIENT, job.job_id or "")
    await store.jobs(CLIENT, statuses=list(Status), limit=9, before=None)
    await store.jobs(CLIENT, statuses=list(Status), limit=9, before=job.job_id)
    await store.cancel(CLIENT, job.job_id or "", "{}", holder=HOLDER, lease_ms=LONG)
    await store.settle_lost(interrupted="{}", holder=HOLDER, lease_ms=LONG, limit=9)
    await store.settle_expired(expired="{}", holder=HOLDER, lease_ms=LONG, limit=9)
    await store.sent([message.number for message in await unsent(store)])
    await claimed(store, token="token-4", ttl_ms=-LONG)
    await store.finish("token-4", DONE, progress=None, tell=False, holder=HOLDER, lease_ms=LONG)
    await store.forget(result_ttl_ms=0, skew_ms=0, limit=9)
    await store.forget(result_ttl_ms=0, skew_ms=0, limit=9)
    await start_often(store)
    await store.lead("sweeper", holder=HOLDER, lease_ms=LONG)
    await store.running(HOLDER)


async def start_often(store: Store) -> None:
    """Run a job so often that its oldest attempts leave its history."""
    await accepted(store, attempts=KEPT_ATTEMPTS + 2)
    for number in range(KEPT_ATTEMPTS + 1):
        await taken(store, token=f"again-{number}")
        await store.retry(f"again-{number}", delay_ms=0, holder=HOLDER, lease_ms=LONG)


def plan(path: Path, statement: str, values: tuple[object, ...]) -> list[str]:
    """Ask SQLite how it would run a statement."""
    if not statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")):
        return []
    connection = sqlite3.connect(path)
    try:
        return [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    finally:
        connection.close()
