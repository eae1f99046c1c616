"""PostgreSQL as a store for a fleet of replicas. Imported only where one is asked for: it needs psycopg.

The settings below bound every wait: a server that hangs is away within seconds, and a replica that hangs in
the middle of a transaction holds nobody else's rows for long.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from toolwire.contracts.errors import ConfigurationError
from toolwire.services.store.dialects import BEGAN_MS, clock

T = TypeVar("T")

LOCK_MS = 100
"""How long a statement waits for rows that another replica holds. Two that wait for each other are through
after that; PostgreSQL itself looks for a deadlock only after a second."""
STATEMENT_MS = 4_000
IDLE_MS = 4_000
"""How long a replica that stands still in the middle of a transaction keeps what it holds."""
ANSWER_WITHIN_S = 5.0
"""A server that is stopped says nothing while its operating system keeps the connection up."""
LOOK_EVERY_S = 0.1
PLANS_FOR_S = 2.0
"""How long a statement's plan is kept. One that was made for an empty table is the worst for a full one, and
PostgreSQL by itself keeps it until somebody analyses the table."""

# libpq's own (postgresql.org/docs/current/libpq-connect.html). A URL may say otherwise.
_CONNECTING = {
    "connect_timeout": "4",
    "keepalives_idle": "10",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
    "target_session_attrs": "read-write",  # of several hosts the one that is no standby
}
# Each statement is made to find its few rows by an index, whatever the planner believes of a table that it
# has not looked at yet.
# Whoever has switched `synchronous_commit` off for the database has not thought of this store, whose commits
# stand for messages that the broker no longer has. Stronger values are left.
_SETTINGS = f"""
SET lock_timeout = {LOCK_MS};
SET statement_timeout = {STATEMENT_MS};
SET idle_in_transaction_session_timeout = {IDLE_MS};
SET default_transaction_isolation = 'read committed';
SET jit = off;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""

# In one go, which spares each transaction a round trip. The query is part of the transaction, for which it is
# then too late to ask for another isolation level than the session's.
_BEGIN = f"{clock('postgresql')}; BEGIN"


class Impatient(psycopg.Connection[Any]):
    """A connection that is closed when the server has not answered in time."""

    patience_s: float | None = ANSWER_WITHIN_S

    def wait(
        self,
        gen: PQGen[T],
        interval: float = LOOK_EVERY_S,
        timeout: float | None = None,  # noqa: ARG002  # newer releases have it, for what is not used here
    ) -> T:
        """What psycopg waits with, for each statement."""
        return super().wait(self._impatiently(gen), interval)

    def _impatiently(self, steps: PQGen[T]) -> PQGen[T]:
        since = time.monotonic()
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                if not ready and self.patience_s is not None and time.monotonic() > since + self.patience_s:
                    self.pgconn.finish()  # whatever comes next fails at once instead of waiting again
                    raise psycopg.OperationalError(f"the server has not answered for {self.patience_s:g} s")
                wanted = steps.send(ready)
        except StopIteration as end:
            answer: T = end.value
            return answer


def engine_for(url: URL, server_id: str) -> Engine:
    """An engine of one connection. Raises `ConfigurationError` for a setting that libpq does not know."""
    settings = {**_CONNECTING, "application_name": f"toolwire {server_id}"}
    unset = {name: value for name, value in settings.items() if name not in url.query}
    try:
        make_conninfo(**dict.fromkeys(url.query, ""))
    except psycopg.ProgrammingError as error:
        raise ConfigurationError(f"the store's URL cannot be used: {error}") from None
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=unset,
        pool_size=1,
        max_overflow=0,
        use_native_hstore=False,
        # The text of an SQLAlchemy error holds the statement's values otherwise: clients' arguments, logged.
        hide_parameters=True,
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "checkout", _forget_plans)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def at_leisure(connection: Connection) -> Generator[None]:
    """Let what is done in this transaction take as long as it takes."""
    driver = cast("Impatient", connection.connection.driver_connection)
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    driver.patience_s = None
    try:
        yield
    finally:
        driver.patience_s = ANSWER_WITHIN_S


def _connect(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Impatient:
    return Impatient.connect(*arguments, **parameters)


def _configure(connection: Impatient, _record: Any) -> None:
    # What is set within a transaction ends with it where that is rolled back; and `_begin` begins them all.
    connection.autocommit = True
    connection.execute(_SETTINGS.encode())


def _begin(connection: Connection) -> None:
    connection.info[BEGAN_MS] = connection.exec_driver_sql(_BEGIN).scalar_one()


def _forget_plans(connection: Impatient, record: ConnectionPoolEntry, _proxy: Any) -> None:
    now = time.monotonic()
    if now - record.info.setdefault("planned_at", now) > PLANS_FOR_S:
        record.info["planned_at"] = now
        try:
            connection.execute("DISCARD PLANS")
        except psycopg.OperationalError as error:
            raise DisconnectionError from error  # it died while it lay idle: the pool makes another one
