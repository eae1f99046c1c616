"""PostgreSQL finds what the store wants by an index too: what its statements read behind a long queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, Engine, event, make_url

from tests.postgres import SharedDatabase
from tests.unit.store.given import HOLDER, LONG, SERVER, fresh
from tests.unit.store.stranger import change
from tests.unit.store.test_plans import call_everything
from toolwire.services.store import attempts, jobs, postgresql
from toolwire.services.store.rows import Unit
from toolwire.services.store.sharing import Work
from toolwire.services.store.sql import SqlStore
from toolwire.services.store.take import Slot, take_all
from toolwire.services.store.thread import GroupCommit
from toolwire.services.store.upgrade import prepare

pytestmark = pytest.mark.postgres

MANY = 40_000
FEW_PAGES = 300  # of thousands
FEW_ROWS = 250  # of thousands
PLANNED_AFTER = 12
"""psycopg prepares a statement that has run five times, and PostgreSQL keeps a plan after five more."""
SEARCHES = ("SELECT", "WITH", "UPDATE", "DELETE")
# Half of them wait in six lanes, half are over and have an unsent event each.
FILL = (
    """
    INSERT INTO tw_records (server_id, client_id, request_id, kind, job_id, meaning, tool, needs, args,
        reply_to, request_digest, kid, asked_ms, max_attempts, priority, created_ms, updated_ms,
        deadline_ms, keep_until_ms, status, ended_ms, attempt, due_ms, seq)
    SELECT 'server-1', 'client-' || mod(n, 4), 'before-' || n, 'job', 'before-' || n, 'meaning', 'add',
        'add', '[]', 'home', 'digest', 'kid', 1, 3, mod(n / 4, 3), 1, 1, 9e12, 9e12,
        CASE mod(n, 2) WHEN 0 THEN 'accepted' ELSE 'done' END,
        CASE mod(n, 2) WHEN 0 THEN NULL ELSE 9e12 END, 0, 1, 1
    FROM generate_series(1, {count}) AS n
    """,
    """
    INSERT INTO tw_outbox (server_id, record_id, event, sender, sender_until_ms, status, attempt, due_ms, seq,
        updated_ms)
    SELECT server_id, id, 'done', 'replica-1', 9e12, status, 1, 1, 1, 1
    FROM tw_records WHERE status = 'done'
    """,
)


def fill(url: str, *, count: int) -> None:
    change(url, *(statement.format(count=count) for statement in FILL))


@pytest.fixture
def url(shared_database: SharedDatabase) -> Iterator[str]:
    with shared_database.schema(fresh("plans").replace("-", "_")) as there:
        yield there


@pytest.fixture
def engine(url: str) -> Engine:
    return postgresql.engine_for(make_url(url), SERVER)


async def test_no_statement_reads_more_than_a_few_pages(engine: Engine, url: str) -> None:
    ran: dict[str, Any] = {}

    def note(_connection: Connection, _cursor: object, statement: str, values: object, *_: object) -> None:
        ran.setdefault(statement, values)

    async with SqlStore(engine, SERVER) as store:
        fill(url, count=MANY)
        change(url, "ANALYZE")
        event.listen(engine, "before_cursor_execute", note)
        await call_everything(store)
        event.remove(engine, "before_cursor_execute", note)
    # Those that insert have to find a place in each index, which is no question of a plan.
    asked = {statement: values for statement, values in ran.items() if statement.startswith(SEARCHES)}
    assert len(asked) > 20
    with engine.connect() as connection:
        pages = pages_of_each(connection, asked)
    engine.dispose()
    assert {statement: count for statement, count in pages.items() if count > FEW_PAGES} == {}


def pages_of_each(connection: Connection, statements: Mapping[str, Any]) -> dict[str, int]:
    """Count the pages that each statement reads, and take back what it changes."""
    pages: dict[str, int] = {}
    for statement, values in statements.items():
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        (told,) = connection.exec_driver_sql(explain, values).scalar_one()
        connection.rollback()
        pages[statement] = told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"]
    return pages


@pytest_asyncio.fixture
async def units(engine: Engine) -> AsyncIterator[GroupCommit]:
    group = GroupCommit(engine)
    await group.run(lambda connection, _now_ms: prepare(connection))
    yield group
    await group.close()


async def test_a_plan_for_an_empty_table_is_not_kept(
    units: GroupCommit, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that runs often is planned once, and nothing was analysed yet."""
    monkeypatch.setattr(postgresql, "PLANS_FOR_S", 0)

    def renew(unit: Unit) -> None:
        attempts.renew(unit, ["token-1"], lease_ms=LONG)

    def look(unit: Unit) -> None:
        jobs.job(unit, "client-1", "job-1")

    def take_best(unit: Unit) -> None:
        take_all(unit, [Slot(("add",), ("job",), fresh("token"), HOLDER, LONG)])

    usual = (renew, look, take_best)
    for unit in usual * PLANNED_AFTER:
        await units.run(rows_read_by(unit))
    fill(url, count=5_000)
    read = {unit.__name__: await units.run(rows_read_by(unit)) for unit in usual}
    assert {name: count for name, count in read.items() if count > FEW_ROWS} == {}


async def test_a_backlog_that_came_at_once_is_not_walked_through(units: GroupCommit, url: str) -> None:
    """Nothing waited when the table was analysed: the planner believes that all that waits is nothing."""
    fill(url, count=5_000)
    change(url, "UPDATE tw_records SET status = 'done'", "ANALYZE")
    change(url, "UPDATE tw_records SET status = 'accepted' WHERE ended_ms IS NULL")

    def take_some(unit: Unit) -> None:
        slots = [Slot(("add",), ("job",), fresh("token"), HOLDER, LONG) for _ in range(4)]
        assert None not in take_all(unit, slots)

    assert await units.run(rows_read_by(take_some)) < FEW_ROWS


def rows_read_by(work: Callable[[Unit], None]) -> Work[int]:
    def counted(connection: Connection, now_ms: int) -> int:
        before = rows_read(connection)
        work(Unit(connection, SERVER, now_ms, now_ms))
        return rows_read(connection) - before

    return counted


def rows_read(connection: Connection) -> int:
    """Count what this connection has read, and not told yet."""
    asked = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
    return int(connection.exec_driver_sql(asked).scalar_one())
