"""What the doctor sees in a PostgreSQL store, and what it says of one that does not let it in."""

import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.unit.cli.doctor_given import SERVER, bad, only
from tests.unit.services.given import TOOLS, new_record
from toolwire.cli.doctor.databases import judge_database
from toolwire.cli.doctor.finding import Area, Desk, Finding, Level
from toolwire.cli.doctor.records import judge_store
from toolwire.cli.doctor.store import look_at_store
from toolwire.cli.doctor.store_database import DatabaseSeen, refusal
from toolwire.client.settings import read_settings
from toolwire.services.settings import ServiceSettings
from toolwire.services.store import open_store
from toolwire.testing.databases import Postgres, with_database

LEASE_MS = 15_000
PASSWORD = "s3cret"
TEST_SERVER = [(Level.WARNING, "fsync_off")]
"""What there is to say of the servers that the tests start."""


def judged(url: str, home: Path) -> list[Finding]:
    settings = read_settings(ServiceSettings, home=home, store=url)
    found = list(judge_store(look_at_store(settings, SERVER), where="postgresql"))
    told = "".join(finding.what + finding.where + finding.remedy for finding in found)
    assert (urlsplit(url).password or PASSWORD) not in told
    return found


def worse(url: str, home: Path) -> list[tuple[Level, str]]:
    return [each for each in bad(judged(url, home)) if each not in TEST_SERVER]


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def as_user(url: str, user: str) -> str:
    """The URL for another user of the same database."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{PASSWORD}@{parts.hostname}:{parts.port}"))


async def test_an_empty_database_has_no_store_yet(postgres_url: str, tmp_path: Path) -> None:
    assert worse(postgres_url, tmp_path) == [(Level.NOTE, "no_schema")]
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'tw%'").fetchone() == (
            0,
        )


async def test_a_store_at_work(postgres: Postgres, postgres_url: str, tmp_path: Path) -> None:
    async with open_store(postgres_url, SERVER) as store:
        await store.accept(new_record(TOOLS["build"]), holder="replica-1", lease_ms=LEASE_MS)
        found = judged(postgres_url, tmp_path)
    assert worse(postgres_url, tmp_path) == []
    assert {finding.area for finding in found} == {Area.STORE}
    told = {finding.check: finding.what for finding in found}
    assert told["reached"].startswith(f"PostgreSQL {postgres.version}; ")
    assert told["jobs"].startswith("open jobs: 1 accepted; the oldest")
    assert {"schema", "store_clock", "swept"} <= told.keys()


async def test_what_no_replica_has_put_right(postgres_url: str, tmp_path: Path) -> None:
    async with open_store(postgres_url, SERVER) as store:
        await store.claim(new_record(TOOLS["charge"]), token="token-1", holder="replica-1", lease_ms=LEASE_MS)
        await store.accept(new_record(TOOLS["build"]), holder="replica-1", lease_ms=LEASE_MS)
    change(postgres_url, "UPDATE tw_records SET lease_until_ms = 1, deadline_ms = 1 WHERE job_id IS NULL")
    change(postgres_url, "UPDATE tw_outbox SET sender_until_ms = 1")
    assert worse(postgres_url, tmp_path) == [
        (Level.ERROR, check) for check in ("expired_leases", "overdue", "unsent")
    ]
    change(postgres_url, "UPDATE tw_schema SET number = 99, oldest = 99")
    assert worse(postgres_url, tmp_path) == [(Level.ERROR, "newer_schema")]


async def test_what_its_user_may_not_do(postgres: Postgres, postgres_url: str, tmp_path: Path) -> None:
    """First with no rights at all, then with those that `docs/operations.md` names for a replica."""
    user = f"plain_{urlsplit(postgres_url).path.rpartition('_')[2]}"
    change(
        postgres_url,
        f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    try:
        url = as_user(postgres_url, user)
        assert worse(url, tmp_path) == [(Level.NOTE, "no_schema"), (Level.ERROR, "may_not_create")]
        async with open_store(postgres_url, SERVER):
            assert worse(url, tmp_path) == [(Level.ERROR, "may_not_write"), (Level.ERROR, "store_unreadable")]
        change(postgres_url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}")
        assert worse(url, tmp_path) == [(Level.ERROR, "may_not_write")]
        change(postgres_url, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user}")
        async with open_store(url, SERVER) as store:
            await store.accept(new_record(TOOLS["build"]), holder="replica-1", lease_ms=LEASE_MS)
            assert worse(url, tmp_path) == []
    finally:
        change(postgres_url, f"DROP OWNED BY {user}")
        change(postgres.url, f"DROP ROLE {user}")


async def test_a_wrong_password_and_a_database_that_is_not_there(postgres: Postgres, tmp_path: Path) -> None:
    assert worse(as_user(postgres.url, "toolwire"), tmp_path) == [(Level.ERROR, "store_refuses")]
    assert worse(with_database(postgres.url, "nowhere"), tmp_path) == [(Level.ERROR, "no_database")]


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"postgresql://me:{PASSWORD}@127.0.0.1:{nobody.getsockname()[1]}/base"
        found = judged(url, tmp_path)
    assert bad(found) == [(Level.ERROR, "store_unreachable")]
    assert "pg_isready" in only(found, "store_unreachable").remedy


def test_a_setting_that_there_is_not(tmp_path: Path) -> None:
    url = f"postgresql://me:{PASSWORD}@127.0.0.1/base?no_such_setting=1"
    assert bad(judged(url, tmp_path)) == [(Level.ERROR, "store_unreadable")]


def test_without_the_driver_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "toolwire.services.store.postgresql", raising=False)
    monkeypatch.delattr("toolwire.services.store.postgresql", raising=False)
    found = judged(f"postgresql://me:{PASSWORD}@127.0.0.1/base", tmp_path)
    assert only(found, "no_driver").remedy == "pip install 'toolwire[postgres]'"


@pytest.mark.parametrize(
    ("said", "check"),
    [
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "me", database "base"', "store_refuses"),
        ('FATAL:  role "me" does not exist', "store_refuses"),
        ("FATAL:  sorry, too many clients already", "no_connection_left"),
        (
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "no_connection_left",
        ),
        ("connection to server failed: session is read-only", "store_is_standby"),
        ("server does not support SSL, but SSL was required", "store_tls"),
        ("could not translate host name", "store_unreachable"),
    ],
)
def test_what_it_says_at_the_door(said: str, check: str) -> None:
    assert refusal(said, "postgresql://db/base").check == check


def database_seen(**but: Any) -> DatabaseSeen:
    good: dict[str, Any] = {
        "version": "17.6",
        "series": 17,
        "ahead_ms": 3,
        "trip_ms": 8,
        "bytes": 5,
        "fsync": True,
        "connections": 12,
        "most_connections": 100,
        "may_create": True,
        "may_write": True,
    }
    return DatabaseSeen(**good | but)


@pytest.mark.parametrize(
    ("but", "expected"),
    [
        ({}, []),
        ({"may_create": False}, []),
        ({"version": "12.3", "series": 12}, [(Level.WARNING, "old_postgresql")]),
        ({"ahead_ms": -7_000}, [(Level.WARNING, "store_clock")]),
        ({"ahead_ms": 40_000}, [(Level.ERROR, "store_clock")]),
        ({"ahead_ms": 40_000, "trip_ms": 90_000}, []),
        ({"fsync": False}, [(Level.WARNING, "fsync_off")]),
        ({"connections": 95}, [(Level.WARNING, "few_connections")]),
        ({"may_write": False}, [(Level.ERROR, "may_not_write")]),
    ],
)
def test_the_database_itself(but: dict[str, Any], expected: list[tuple[Level, str]]) -> None:
    assert bad(judge_database(Desk(Area.STORE, "base"), database_seen(**but))) == expected
