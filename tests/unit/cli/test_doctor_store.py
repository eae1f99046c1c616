"""What the doctor sees in a store, without touching it, and what it says of that."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.doctor_given import CLIENT, SERVER, bad, only
from tests.unit.services.given import TOOLS, new_record
from toolwire.cli.doctor.finding import Finding, Level
from toolwire.cli.doctor.managed import Unseen
from toolwire.cli.doctor.records import judge_store
from toolwire.cli.doctor.store import StoreSeen, look_at_store
from toolwire.cli.doctor.store_file import FileSeen, filesystem_of
from toolwire.client.settings import read_settings
from toolwire.services.settings import ServiceSettings
from toolwire.services.store import open_store
from toolwire.services.store.schema import SCHEMA_NUMBER

GIBIBYTE = 1024**3
LEASE_MS = 15_000


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    """Settings whose store is not there yet."""
    return read_settings(ServiceSettings, home=tmp_path)


def path_of(settings: ServiceSettings) -> Path:
    return settings.home / "store.sqlite3"


async def written(settings: ServiceSettings) -> None:
    """A store with one call under a lease."""
    async with open_store(settings.store_url(), SERVER) as store:
        await store.claim(new_record(TOOLS["charge"]), token="token-1", holder="replica-1", lease_ms=LEASE_MS)


def change(settings: ServiceSettings, statement: str) -> None:
    with closing(sqlite3.connect(path_of(settings))) as connection, connection:
        connection.execute(statement)


def seen(settings: ServiceSettings) -> StoreSeen:
    found = look_at_store(settings, SERVER)
    assert isinstance(found, StoreSeen)
    return found


def judged(settings: ServiceSettings) -> list[Finding]:
    return list(judge_store(look_at_store(settings, SERVER), where="sqlite"))


def test_no_store_is_not_seen_and_none_is_made(settings: ServiceSettings) -> None:
    assert bad(judged(settings)) == [(Level.NOTE, "store")]
    assert list(settings.home.iterdir()) == []


async def test_a_store_at_rest_is_ok_and_stays_as_it_is(settings: ServiceSettings) -> None:
    await written(settings)
    before = {file.name: file.read_bytes() for file in settings.home.iterdir()}
    found = judged(settings)
    assert bad(found) == []
    assert seen(settings).number == SCHEMA_NUMBER
    place = seen(settings).place
    assert isinstance(place, FileSeen)
    assert place.journal == "wal"
    assert {file.name: file.read_bytes() for file in settings.home.iterdir()} == before


async def test_a_store_at_work_is_seen_with_what_is_in_its_log(settings: ServiceSettings) -> None:
    async with open_store(settings.store_url(), SERVER) as store:
        job = new_record(TOOLS["build"])
        await store.accept(job, holder="replica-1", lease_ms=LEASE_MS)
        found = seen(settings)
    assert found.jobs == {"accepted": 1}
    assert found.oldest_open_ms is not None


@pytest.mark.parametrize(
    ("change_", "check"),
    [
        ("UPDATE tw_records SET lease_until_ms = 1", "expired_leases"),
        ("UPDATE tw_records SET deadline_ms = 1", "overdue"),
    ],
)
async def test_what_no_replica_has_put_right(settings: ServiceSettings, change_: str, check: str) -> None:
    await written(settings)
    change(settings, change_)
    found = judged(settings)
    assert bad(found) == [(Level.ERROR, check)]
    assert "toolwire serve" in only(found, check).remedy


async def test_events_that_nobody_sent(settings: ServiceSettings) -> None:
    async with open_store(settings.store_url(), SERVER) as store:
        await store.accept(new_record(TOOLS["build"]), holder="replica-1", lease_ms=LEASE_MS)
    change(settings, "UPDATE tw_outbox SET sender_until_ms = 1")
    assert bad(judged(settings)) == [(Level.ERROR, "unsent")]


async def test_another_servers_rows_are_its_own(settings: ServiceSettings) -> None:
    await written(settings)
    change(settings, "UPDATE tw_records SET lease_until_ms = 1, server_id = 'other'")
    assert bad(judged(settings)) == []


async def test_a_newer_schema_is_left_alone(settings: ServiceSettings) -> None:
    await written(settings)
    change(settings, "UPDATE tw_schema SET number = 99, oldest = 98")
    assert bad(judged(settings)) == [(Level.ERROR, "newer_schema")]
    change(settings, "UPDATE tw_schema SET oldest = 1")
    assert bad(judged(settings)) == [(Level.NOTE, "younger_schema")]
    change(settings, "UPDATE tw_schema SET number = 0")
    assert bad(judged(settings)) == [(Level.NOTE, "older_schema")]


def test_a_file_that_is_no_store(settings: ServiceSettings) -> None:
    file = path_of(settings)
    file.touch(0o600)
    assert (Level.NOTE, "no_schema") in bad(judged(settings))
    file.write_text("a diary, and no database at all; long enough to be looked at by SQLite" * 20)
    assert bad(judged(settings)) == [(Level.ERROR, "store_unreadable")]


async def test_who_may_read_it(settings: ServiceSettings) -> None:
    await written(settings)
    path_of(settings).chmod(0o640)
    assert only(judged(settings), "store_mode").remedy == f"chmod 600 {path_of(settings)}"


def test_another_kind_of_store_is_not_looked_into(tmp_path: Path) -> None:
    settings = read_settings(ServiceSettings, home=tmp_path, store="mysql://user:secret@db/tools")
    found = look_at_store(settings, SERVER)
    assert isinstance(found, Unseen)
    assert "mysql" in found.because
    assert "secret" not in found.because
    nonsense = look_at_store(read_settings(ServiceSettings, home=tmp_path, store="sqlite:nonsense"), SERVER)
    assert isinstance(nonsense, Unseen)


def file_seen(**but: Any) -> FileSeen:
    good: dict[str, Any] = {
        "path": Path("/var/store.sqlite3"),
        "mode": 0o600,
        "owner": os.geteuid(),
        "user": os.geteuid(),
        "bytes": 1,
        "free_bytes": 2 * GIBIBYTE,
        "filesystem": "ext4",
        "journal": "wal",
    }
    return FileSeen(**good | but)


@pytest.mark.parametrize(
    ("but", "expected"),
    [
        ({}, []),
        ({"filesystem": "nfs4"}, [(Level.ERROR, "network_file_system")]),
        ({"filesystem": "cifs"}, [(Level.ERROR, "network_file_system")]),
        ({"free_bytes": GIBIBYTE // 2}, [(Level.WARNING, "disk_space")]),
        ({"free_bytes": 1}, [(Level.ERROR, "disk_space")]),
        ({"bytes": 11 * GIBIBYTE}, [(Level.WARNING, "store_size")]),
        ({"owner": -7}, [(Level.NOTE, "store_owner")]),
        ({"journal": "rollback"}, [(Level.WARNING, "no_wal")]),
    ],
)
def test_the_file_itself(but: dict[str, Any], expected: list[tuple[Level, str]]) -> None:
    store = StoreSeen("file", file_seen(**but), SCHEMA_NUMBER)
    assert bad(judge_store(store, where="")) == expected


@pytest.mark.parametrize(
    ("but", "expected"),
    [
        ({"oldest_open_ms": 3 * 24 * 3600 * 1000, "jobs": {"running": 1}}, [(Level.NOTE, "old_job")]),
        ({"lost": 1, "overdue": 2}, [(Level.ERROR, "expired_leases"), (Level.ERROR, "overdue")]),
    ],
)
def test_what_the_rows_tell(but: dict[str, Any], expected: list[tuple[Level, str]]) -> None:
    good: dict[str, Any] = {"number": SCHEMA_NUMBER}
    assert bad(judge_store(StoreSeen("file", file_seen(), **good | but), where="")) == expected


MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/shared rw shared:2 - nfs4 server:/export rw
31 22 0:41 / /srv/my\040disk rw - xfs /dev/sdb1 rw
this line is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/store", "ext4"),
        ("/srv/shared/a/store", "nfs4"),
        ("/srv/shared2/store", "ext4"),
        ("/srv/my disk/store", "xfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert filesystem_of(Path(path), MOUNTS) == kind
    assert filesystem_of(Path(path), "") == ""


def test_a_client_is_named_nowhere() -> None:
    """A report may be pasted into a ticket: it counts, and shows no arguments."""
    store = StoreSeen("file", file_seen(), SCHEMA_NUMBER, jobs={"running": 3})
    assert CLIENT not in "".join(finding.what for finding in judge_store(store, where=""))
