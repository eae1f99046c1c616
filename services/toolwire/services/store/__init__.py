"""The store: the truth about every claimed request, and the job queue. `port.Store` says what it does."""

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from toolwire.contracts.errors import ConfigurationError
from toolwire.services.store import sqlite
from toolwire.services.store.port import Store
from toolwire.services.store.sql import SqlStore

__all__ = ["open_store"]

_SUPPORTED = (
    "Give sqlite:///<path of a file>, with a fourth slash where the path is absolute, or "
    "postgresql://<user>:<password>@<host>/<database>."
)


def open_store(url: str, server_id: str) -> Store:
    """The store of `server_id` at `url`, to be entered with `async with`.

    Raises `ConfigurationError` where the URL is of a kind that is not supported, where its file cannot be
    made, and where the driver for PostgreSQL is missing.
    """
    parsed = _parsed(url)
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return SqlStore(_postgresql_engine(parsed, server_id), server_id)
    path = _path(parsed)
    sqlite.create_file(path)
    return SqlStore(sqlite.engine_for(path), server_id)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # Without what they say, which may quote a password.
        raise ConfigurationError(f"the store's URL cannot be read. {_SUPPORTED}") from None


def _postgresql_engine(url: URL, server_id: str) -> Engine:
    try:
        # Not at the top: most replicas have no psycopg and need none.
        from toolwire.services.store import postgresql
    except ImportError as error:
        raise ConfigurationError(
            f"a PostgreSQL store needs the driver psycopg, which cannot be imported ({error}). "
            "Type: pip install 'toolwire[postgres]'"
        ) from error
    return postgresql.engine_for(url, server_id)


def _path(url: URL) -> Path:
    if url.drivername != "sqlite":
        raise ConfigurationError(f"there is no store for {url.drivername} URLs. {_SUPPORTED}")
    if url.query or url.host or url.database in (None, "", ":memory:"):
        raise ConfigurationError(f"an SQLite store is a file, which all replicas share. {_SUPPORTED}")
    return Path(url.database)
