"""Judges a store's PostgreSQL: its version, its clock, its user's rights, and how full it is."""

from collections.abc import Iterator

from toolwire.cli.doctor.finding import Desk, Finding
from toolwire.cli.doctor.service import DRIFT_MS
from toolwire.cli.doctor.store_database import DatabaseSeen
from toolwire.services.requests.decide import SKEW_MS

OLDEST = 14
"""The oldest version that PostgreSQL's makers still mended when this was written."""
FULL = 0.9
MEBIBYTE = 1024**2


def judge_database(desk: Desk, seen: DatabaseSeen) -> Iterator[Finding]:
    """Everything about the database itself."""
    told = f"PostgreSQL {seen.version}; {seen.bytes // MEBIBYTE} MiB in Toolwire's tables"
    if seen.series < OLDEST:
        yield desk.warning("old_postgresql", f"{told}: nobody mends this version any more", "upgrade it")
    else:
        yield desk.ok("reached", told)
    yield _judge_clock(desk, seen)
    if not seen.may_write:
        yield desk.error(
            "may_not_write",
            "its user may not read and write the tables",
            "on the server: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO …; GRANT "
            "USAGE ON ALL SEQUENCES IN SCHEMA public TO …",
        )
    if not seen.fsync:
        yield desk.warning(
            "fsync_off",
            "fsync is off: a power cut takes back what was confirmed, or breaks the database",
            "on the server: ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()",
        )
    if seen.connections > FULL * seen.most_connections:
        yield desk.warning(
            "few_connections",
            f"{seen.connections} of {seen.most_connections} connections are taken: a replica may get none",
            "raise max_connections, or end what holds them (pg_stat_activity)",
        )


def _judge_clock(desk: Desk, seen: DatabaseSeen) -> Finding:
    """Leases and jobs' deadlines go by the store's clock, requests' by the replica's."""
    surely_ms = max(0, abs(seen.ahead_ms) - seen.trip_ms // 2)
    side = "ahead of" if seen.ahead_ms > 0 else "behind"
    what = f"its clock is {abs(seen.ahead_ms) / 1000:.1f} s {side} ours"
    remedy = "keep both clocks with NTP (timedatectl set-ntp true) and compare: date -u"
    if surely_ms > SKEW_MS:
        return desk.error("store_clock", f"{what}: jobs are started and ended at wrong times", remedy)
    if surely_ms > DRIFT_MS:
        return desk.warning("store_clock", f"{what}: nobody keeps one of them", remedy)
    return desk.ok("store_clock", what if surely_ms else "its clock is ours, as far as the trip can tell")
