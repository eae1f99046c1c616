"""A running PostgreSQL for tests: the one at a given URL, one in a container, or a private one."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from toolwire.testing.postgres_cluster import private_postgres

Kind = Literal["url", "container", "cluster"]

DESCRIPTIONS: dict[Kind, str] = {
    "url": "at the given URL",
    "container": "in a container",
    "cluster": "private cluster",
}
CONNECT_WITHIN = 5  # seconds
FOR_TESTS = {
    # What a power cut would take is of no use after it: tests kill processes, not machines.
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL that is up. `url`: of a user who may create databases, `postgresql://user:password@host/name`."""

    url: str
    kind: Kind
    version: str

    def __str__(self) -> str:
        return f"PostgreSQL {self.version}, {DESCRIPTIONS[self.kind]}"

    @contextmanager
    def database(self) -> Generator[str]:
        """Give the URL of an empty database; delete it at the end of the block, whoever is connected."""
        name = f"toolwire_test_{secrets.token_hex(6)}"
        # template0: nobody can be connected to it, which would be in the way.
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield with_database(self.url, name)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=CONNECT_WITHIN) as connection:
            connection.execute(statement)


@contextmanager
def running_postgres(kind: Kind, url: str = "") -> Generator[Postgres]:
    """Run a PostgreSQL of that kind until the block ends; one at a `url` runs already and is only looked at.

    Raises psycopg.OperationalError when nothing answers at the URL, ContainerUnavailable and ClusterError as
    their names say.
    """
    match kind:
        case "url":
            yield Postgres(url, kind, version_at(url))
        case "container":
            # Imported here: docker and requests take a third of a second.
            from toolwire.testing.containers import container_postgres

            with container_postgres(_answers, FOR_TESTS) as there:
                yield Postgres(there, kind, version_at(there))
        case "cluster":
            with private_postgres(_answers, FOR_TESTS) as there:
                yield Postgres(there, kind, version_at(there))


def version_at(url: str) -> str:
    """The version of what answers there, such as 17.6. Raises psycopg.OperationalError."""
    with psycopg.connect(url, connect_timeout=CONNECT_WITHIN) as connection:
        told = connection.info.parameter_status("server_version") or ""
    return told.partition(" ")[0]


def may_create_databases(url: str) -> bool:
    """Whether the URL's user may. Raises psycopg.OperationalError."""
    with psycopg.connect(url, connect_timeout=CONNECT_WITHIN) as connection:
        asked = connection.execute(
            "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    return asked == (True,)


def with_database(url: str, name: str) -> str:
    """Return the server's URL with `name` for its database."""
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(name, safe="")))


def _answers(url: str) -> bool:
    try:
        version_at(url)
    except psycopg.OperationalError:
        return False
    return True
