"""Looks at the PostgreSQL of a store, as a replica reaches it, in a transaction that may only read."""

import re
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.engine import URL

from toolwire.services.store.dialects import store_clock
from toolwire.services.store.schema import metadata, records


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """The database, and what its user may do there."""

    version: str
    """Such as 17.6."""
    series: int
    """Such as 17."""
    ahead_ms: int
    """By how much its clock is ahead of this machine's."""
    trip_ms: int
    """What the question took: by half of it nobody can know better."""
    bytes: int
    """Of Toolwire's tables, with their indexes."""
    fsync: bool
    connections: int
    most_connections: int
    may_create: bool
    """Make tables in the schema that its tables are in, or would be."""
    may_write: bool
    """True also where there are no tables yet."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a store is not seen."""

    check: str
    what: str
    remedy: str


def engine_of(url: URL) -> Engine | Complaint:
    """What a replica would open."""
    try:
        from toolwire.services.store import postgresql
    except ImportError as error:
        return Complaint(
            "no_driver",
            f"the driver for PostgreSQL cannot be imported ({error})",
            "pip install 'toolwire[postgres]'",
        )
    return postgresql.engine_for(url, "doctor")


def look_at_database(connection: Connection) -> DatabaseSeen:
    """The database itself."""
    sent = time.time()
    clock_ms = int(connection.execute(select(store_clock())).scalar_one())
    received = time.time()
    tables = [name for name in metadata.tables if inspect(connection).has_table(name)]
    return DatabaseSeen(
        version=_asked(connection, "current_setting('server_version')").partition(" ")[0],
        series=int(_asked(connection, "current_setting('server_version_num')")) // 10_000,
        ahead_ms=round(clock_ms - (sent + received) * 500),
        trip_ms=round((received - sent) * 1000),
        bytes=sum(_asked(connection, f"pg_total_relation_size('{name}')") for name in tables),
        fsync=_asked(connection, "current_setting('fsync')") == "on",
        connections=_asked(
            connection, "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
        ),
        most_connections=int(_asked(connection, "current_setting('max_connections')")),
        may_create=bool(_asked(connection, "has_schema_privilege(current_schema(), 'CREATE')")),
        may_write=records.name not in tables or _may_write(connection),
    )


def _may_write(connection: Connection) -> bool:
    rights = ("SELECT", "INSERT", "UPDATE", "DELETE")
    numbers = f"pg_get_serial_sequence('{records.name}', 'id')"
    return all(
        _asked(connection, f"has_table_privilege('{records.name}', '{right}')") for right in rights
    ) and bool(_asked(connection, f"has_sequence_privilege({numbers}, 'USAGE')"))


def _asked(connection: Connection, expression: str) -> Any:
    return connection.exec_driver_sql(f"SELECT {expression}").scalar_one()


# --- what libpq says when it is not let in ----------------------------------------------------------

_WHY = (
    (
        r"password authentication failed|no password supplied|no pg_hba\.conf entry|role .* does not exist",
        "store_refuses",
        "correct user and password in the URL (the password percent-encoded), or on the server: ALTER ROLE … "
        "PASSWORD; pg_hba.conf has to let this machine in",
    ),
    (
        r"database .* does not exist",
        "no_database",
        "on the server: CREATE DATABASE … OWNER …; or correct the end of the URL",
    ),
    (
        r"too many (connections|clients)|remaining connection slots",
        "no_connection_left",
        "each replica needs one: raise max_connections, or end what holds them (pg_stat_activity)",
    ),
    (
        r"session is read-only|hot standby|recovery mode",
        "store_is_standby",
        "name the primary, or all hosts: postgresql://USER:PASSWORD@/BASE?host=ONE&host=OTHER",
    ),
    (
        r"SSL|certificate",
        "store_tls",
        "sslmode= and sslrootcert= in the URL, as for libpq",
    ),
)


def refusal(said: str, where: str) -> Complaint:
    """What to do about libpq's words."""
    for pattern, check, remedy in _WHY:
        if re.search(pattern, said):
            return Complaint(check, said, remedy)
    remedy = "start PostgreSQL there, open its port, or correct the URL; from this machine: pg_isready"
    return Complaint("store_unreachable", f"nothing lets us in at {where}: {said}", remedy)
