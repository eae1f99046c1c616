"""The plots of a run: what is drawn, from its numbers."""

from collections.abc import Mapping

from benchmarks.catalogue import BASELINE, C_ECHO, CELERY, ED25519, FASTSTREAM, HMAC
from benchmarks.charts import Axis, Bar, Series, bars, lines
from benchmarks.job_workloads import SUBMITTER
from benchmarks.results import Results

IN_COMPANY = 64
COMPARED = (HMAC, ED25519, BASELINE, FASTSTREAM, CELERY, C_ECHO)
"""More lines than these nobody can tell apart."""


def plots(results: Results) -> Mapping[str, str]:
    """The drawings that the run's numbers are enough for, by the names of their files."""
    drawn = {
        "calls.svg": _calls(results),
        "latency.svg": _latency(results),
        "clients.svg": _clients(results),
        "backlog-memory.svg": _backlog_memory(results),
        "backlog-latency.svg": _backlog_latency(results),
    }
    return {name: drawing for name, drawing in drawn.items() if drawing}


def _calls(results: Results) -> str:
    measured = {row.contender: row.numbers["per_s"] for row in results.rows("calls", IN_COMPANY)}
    rows = [Bar(name, rate.median, rate.least, rate.most) for name, rate in measured.items()]
    title = f"Calls a second, {IN_COMPANY} in flight: median, and between what it lay"
    return bars(title, "calls a second", sorted(rows, key=lambda row: -row.value)) if rows else ""


def _latency(results: Results) -> str:
    rows = results.rows("sequential") + results.rows("calls")
    series = [
        Series(name, [(row.in_flight, row.numbers["p50_ms"].median) for row in rows if row.contender == name])
        for name in COMPARED
    ]
    series = [each for each in series if each.points]
    in_flight, took = (
        Axis("calls in flight", logarithmic=True),
        Axis("median of a call, ms", logarithmic=True),
    )
    return lines("How long a call takes", in_flight, took, series) if series else ""


def _clients(results: Results) -> str:
    points = [(row.in_flight, row.numbers["per_s"].median) for row in results.rows("clients")]
    series = [Series("all clients together", points)]
    asking = Axis("clients, each with one call in flight", logarithmic=True)
    return lines("Calls a second of many clients", asking, Axis("calls a second"), series) if points else ""


def _backlog_memory(results: Results) -> str:
    said = results.said("backlog", SUBMITTER)
    if not said:
        return ""
    places = list(zip(said["left"], said["memory_mib_by_left"], strict=True))
    full = said["left"].index(max(said["left"]))
    series = [Series("while it grows", places[: full + 1]), Series("while it drains", places[full + 1 :])]
    return lines(
        "Memory against the backlog", Axis("jobs that wait"), Axis("memory of the replica, MiB"), series
    )


def _backlog_latency(results: Results) -> str:
    said = results.said("backlog", SUBMITTER)
    if not said:
        return ""
    drained = said["left"][-len(said["job_p50_ms_by_tenth"]) :]
    points = list(zip(drained, said["job_p50_ms_by_tenth"], strict=True))
    calls = [(0, said["calls_before_p50_ms"]), (max(said["left"]), said["calls_standing_p50_ms"])]
    series = [Series("a job that goes first", points), Series("a plain call", calls)]
    return lines("Latency against the backlog", Axis("jobs that wait"), Axis("median, ms"), series)
