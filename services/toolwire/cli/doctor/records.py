"""Judges a store: where it is, its tables, and what its rows tell of replicas that are not at work."""

from collections.abc import Iterator

from toolwire.cli.doctor.databases import judge_database
from toolwire.cli.doctor.finding import Area, Desk, Finding, count
from toolwire.cli.doctor.home import OTHERS
from toolwire.cli.doctor.managed import Unseen
from toolwire.cli.doctor.store import StoreSeen
from toolwire.cli.doctor.store_database import DatabaseSeen
from toolwire.cli.doctor.store_file import FileSeen
from toolwire.services.store.schema import SCHEMA_NUMBER

NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "fuse.glusterfs", "lustre")
"""File systems of other machines. SQLite's write-ahead log is shared memory: two machines share none
(sqlite.org/wal.html)."""
LITTLE_SPACE = 1024**3
LEAST_SPACE = 100 * 1024**2
MUCH = 10 * 1024**3
OLD_MS = 24 * 3600 * 1000
MEBIBYTE = 1024**2


def judge_store(seen: StoreSeen | Unseen, *, where: str) -> Iterator[Finding]:
    """Everything about the store."""
    if isinstance(seen, Unseen):
        yield Desk(Area.STORE, where).unseen("store", "the store", seen.because, seen.remedy)
        return
    desk = Desk(Area.STORE, seen.where)
    if isinstance(seen.place, FileSeen):
        yield from judge_file(desk, seen.place)
    elif seen.place is not None:
        yield from judge_database(desk, seen.place)
    if seen.complaint is not None:
        yield desk.error(seen.complaint.check, seen.complaint.what, seen.complaint.remedy)
        return
    yield from _judge_schema(desk, seen)
    if seen.number is not None and seen.oldest <= SCHEMA_NUMBER:
        yield from judge_records(desk, seen)


def judge_file(desk: Desk, file: FileSeen) -> Iterator[Finding]:
    """Who may read it, where it lies, and how much room it has."""
    if file.mode & OTHERS:
        yield desk.warning(
            "store_mode",
            f"others may read clients' arguments in it (mode {file.mode:04o})",
            f"chmod 600 {file.path}",
        )
    if file.owner != file.user:
        yield desk.note("store_owner", f"it belongs to user {file.owner}; this runs as user {file.user}")
    if file.filesystem.startswith(NETWORK):
        yield desk.error(
            "network_file_system",
            f"it lies on a network file system ({file.filesystem}): SQLite loses what two machines write",
            "move it to a local disk, with all replicas on that machine: --store sqlite:////PATH",
        )
    if file.free_bytes < LITTLE_SPACE:
        tell = desk.error if file.free_bytes < LEAST_SPACE else desk.warning
        yield tell(
            "disk_space",
            f"only {file.free_bytes // MEBIBYTE} MiB are free there: a full disk stops every replica",
            "free space, or keep results for a shorter time: --result-ttl",
        )
    if file.bytes > MUCH:
        yield desk.warning(
            "store_size",
            f"it has {file.bytes // MEBIBYTE} MiB",
            "keep results for a shorter time (--result-ttl); stop the replicas once for: sqlite3 FILE VACUUM",
        )
    if file.journal not in {"wal", ""}:
        yield desk.warning(
            "no_wal",
            f"its journal mode is {file.journal}: readers and the writer hold each other up",
            "start a replica: it sets WAL",
        )


def _judge_schema(desk: Desk, seen: StoreSeen) -> Iterator[Finding]:
    if seen.number is None:
        yield from _judge_no_schema(desk, seen.place)
    elif seen.number == SCHEMA_NUMBER:
        yield desk.ok("schema", "its tables are those of this release")
    elif seen.number < SCHEMA_NUMBER:
        yield desk.note(
            "older_schema",
            f"its tables are of an older release ({seen.number}, this one has {SCHEMA_NUMBER})",
            "nothing: the next replica of this release that starts brings them up",
        )
    elif seen.oldest <= SCHEMA_NUMBER:
        yield desk.note(
            "younger_schema",
            f"a newer release has changed its tables ({seen.number}, this one has {SCHEMA_NUMBER}); this one "
            "may work beside it",
            "pip install --upgrade toolwire, before the release after that",
        )
    else:
        yield desk.error(
            "newer_schema",
            f"a newer release has changed its tables: they need {seen.oldest}, this one has {SCHEMA_NUMBER}",
            "pip install --upgrade toolwire",
        )


def _judge_no_schema(desk: Desk, place: FileSeen | DatabaseSeen | None) -> Iterator[Finding]:
    yield desk.note("no_schema", "no replica has written to it yet", "toolwire serve MODULE:ATTR")
    if isinstance(place, DatabaseSeen) and not place.may_create:
        yield desk.error(
            "may_not_create",
            "its user may not make the tables",
            "on the server: ALTER DATABASE … OWNER TO …; or GRANT CREATE ON SCHEMA public TO …",
        )


def judge_records(desk: Desk, seen: StoreSeen) -> Iterator[Finding]:
    """What a sweep would have put right, had there been one."""
    told = ", ".join(f"{count} {status}" for status, count in sorted(seen.jobs.items())) or "none"
    age = "" if seen.oldest_open_ms is None else f"; the oldest open one is {_age(seen.oldest_open_ms)} old"
    yield desk.ok("jobs", f"open jobs: {told}{age}")
    if seen.oldest_open_ms is not None and seen.oldest_open_ms > OLD_MS:
        yield desk.note(
            "old_job",
            f"a job is open since {_age(seen.oldest_open_ms)}",
            "toolwire jobs list, and toolwire cancel JOB",
        )
    at_work = "start a replica of this store (toolwire serve MODULE:ATTR); one is enough to put it right"
    if seen.lost:
        yield desk.error(
            "expired_leases",
            f"{count(seen.lost, 'record')} held under leases that ran out: no replica sweeps",
            at_work,
        )
    if seen.overdue:
        yield desk.error(
            "overdue",
            f"{count(seen.overdue, 'record')} past the deadline and still open: no replica sweeps",
            at_work,
        )
    if seen.unsent:
        yield desk.error(
            "unsent",
            f"{seen.unsent} events or answers are unsent, the oldest for {_age(seen.oldest_unsent_ms)}",
            f"{at_work}; where one runs, its log says what the broker refuses",
        )
    if not (seen.lost or seen.overdue or seen.unsent):
        yield desk.ok("swept", "no lease, deadline or event waits for a sweep")


def _age(ms: int) -> str:
    seconds = ms // 1000
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
