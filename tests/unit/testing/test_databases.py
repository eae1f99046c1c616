"""The PostgreSQL that the tests run on, and an empty database for each of them."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from toolwire.testing.databases import Postgres, running_postgres
from toolwire.testing.find_database import URL, NoDatabase, find_postgres


def test_it_tells_its_version(postgres: Postgres) -> None:
    assert postgres.version.split(".")[0].isdigit()
    assert str(postgres).startswith(f"PostgreSQL {postgres.version}, ")


def test_a_database_is_there_for_as_long_as_its_block(postgres: Postgres) -> None:
    with postgres.database() as first, postgres.database() as second:
        assert first != second
        left_open = psycopg.connect(first)
        tables = left_open.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert tables == (0,)
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    left_open.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(first)


def test_one_at_a_url_is_used_as_it_is(postgres: Postgres) -> None:
    assert find_postgres({URL: postgres.url}) == "url"
    with running_postgres("url", postgres.url) as same:
        assert same.version == postgres.version
        assert "at the given URL" in str(same)


def test_who_may_make_no_databases_is_told_so(postgres: Postgres, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE toolwire_test_plain LOGIN PASSWORD 'plain'")
    try:
        parts = urlsplit(postgres_url)
        plain = urlunsplit(parts._replace(netloc=f"toolwire_test_plain:plain@{parts.hostname}:{parts.port}"))
        with pytest.raises(NoDatabase, match="may not create databases"):
            find_postgres({URL: plain})
    finally:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("DROP ROLE toolwire_test_plain")
