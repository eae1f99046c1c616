"""The PostgreSQL of a run: private, with the settings that it comes with, so that it writes to the disk."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from toolwire.testing.postgres_cluster import private_postgres

CONNECT_WITHIN_S = 5


@contextmanager
def database_server() -> Generator[str]:
    """Run one until the block ends, and give the URL of its superuser.

    Raises `toolwire.testing.postgres_cluster.ClusterError` where PostgreSQL is not installed.
    """
    with private_postgres(_answers, {}) as url:
        yield url


@contextmanager
def fresh_database(server: str) -> Generator[str]:
    """Give the URL of an empty database there; it goes at the end of the block, whoever is connected."""
    name = f"bench_{secrets.token_hex(6)}"
    _execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(server)._replace(path="/" + quote(name, safe="")))
    finally:
        _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(url: str, statement: sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_WITHIN_S) as connection:
        connection.execute(statement)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_WITHIN_S):
            return True
    except psycopg.OperationalError:
        return False
