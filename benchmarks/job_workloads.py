"""What is measured besides calls, and who: jobs, watchers, many clients, a backlog, idle replicas."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.contender import Contender, peer, toolwire
from benchmarks.workloads import Point

SUBMITTER = "Toolwire PostgreSQL"
RECORDED = "Toolwire recorded"
CELERY_SUBMITTER = "Celery delay"
POSTGRES = "{postgres}"

SUBMISSIONS = Point("submissions", 64)
IDLE = Point("idle", seconds=20.0)
BACKLOG_PATIENCE_S = 3600.0

POINTS = (SUBMISSIONS, Point("job-life", 1), Point("job-life", 16))
"""In each round."""
ONCE = (
    Point("fan-out", 1),
    Point("fan-out", 10),
    Point("fan-out", 50),
    Point("clients", 1),
    Point("clients", 10, patience_s=60.0),
    Point("clients", 50, patience_s=90.0),
    Point("clients", 200, patience_s=180.0),
    IDLE,
    Point("mixed", 24, servers=3, patience_s=60.0),
    Point("backlog", 10_000, patience_s=BACKLOG_PATIENCE_S),
)
"""In the first round alone: they show what stays flat, and no peer is compared with."""
QUICK = (SUBMISSIONS, Point("idle", seconds=5.0))
LONG = (Point("backlog", 100_000, patience_s=BACKLOG_PATIENCE_S),)
"""Once, since it takes many minutes."""

JOBS = frozenset({"submissions", "job-life", "idle"})
TOOLWIRE_WORKLOADS = JOBS | {"fan-out", "clients", "mixed", "soak"}
"""What the contender with HMAC and SQLite does besides calls."""


def soak(hours: float) -> Point:
    """That many hours of moderate work."""
    return Point("soak", seconds=3600 * hours, patience_s=120.0)


def contenders(python: Path) -> Sequence[Contender]:
    """Those who do jobs, in the order of the table; `python` runs the peers' programs."""
    return [
        toolwire(
            SUBMITTER,
            "as with HMAC; the record of each job in a private PostgreSQL as it comes, fsync and all",
            *("--key", "hmac", "--store", POSTGRES),
            workloads=JOBS | {"backlog"},
        ),
        toolwire(
            RECORDED,
            "as with HMAC, but a tool that must not run twice: each call is claimed in SQLite first, and its "
            "answer is kept there",
            *("--key", "hmac", "--tool", "recorded_sum"),
            workloads=frozenset({"sequential", "calls"}),
        ),
        peer(
            python,
            CELERY_SUBMITTER,
            "celery_jobs.py",
            "delay from 8 threads, the most that help; confirm_publish; durable classic queue, persistent; "
            "results would go to PostgreSQL; no worker runs meanwhile",
            workloads=frozenset({"submissions"}),
            options=["--database", POSTGRES],
            measured=["celery", "kombu", "amqp"],
        ),
    ]
