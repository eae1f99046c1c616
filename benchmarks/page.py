"""Writes a run into the docs: `python -m benchmarks.page RUN.json` fills docs/speed.md and its drawings."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.catalogue import BASELINE
from benchmarks.contender import ROOT
from benchmarks.drawing import number
from benchmarks.plots import plots
from benchmarks.results import Results, Row

PAGE = ROOT / "docs" / "speed.md"
BEGIN = "<!-- begin: measured -->"
END = "<!-- end: measured -->"

COMPARED = ("sequential", "calls", "arguments", "submissions", "job-life")
"""The workloads that have a table with all contenders each."""
ALONE = {
    "fan-out": ("watchers", ("per_s", "p50_ms", "p99_ms", "server_us")),
    "clients": ("clients", ("per_s", "p50_ms", "p99_ms", "memory_mib")),
    "mixed": (
        "slow callers",
        (
            "quick_alone_p99_ms",
            "quick_beside_slow_p99_ms",
            "quick_beside_slow_in_company_p99_ms",
            "slow_p99_ms",
        ),
    ),
    "backlog": (
        "jobs",
        ("per_s", "drained_per_s", "calls_before_p50_ms", "calls_standing_p50_ms", "memory_mib"),
    ),
    "idle": ("", ("core_percent", "memory_mib")),
}
"""Those of Toolwire alone: what is in flight there, and the numbers that tell."""
WORDS = {
    "per_s": "a second",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "server_us": "replica, µs each",
    "memory_mib": "replica, MiB",
    "core_percent": "% of a core",
    "drained_per_s": "drained a second",
    "calls_before_p50_ms": "a call before, ms",
    "calls_standing_p50_ms": "a call beside it, ms",
    "quick_alone_p99_ms": "quick alone, p99 ms",
    "quick_beside_slow_p99_ms": "beside slow",
    "quick_beside_slow_in_company_p99_ms": "beside slow ones that travel together",
    "slow_p99_ms": "slow (1 s), p99 ms",
}


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("run", type=Path, help="what `--json` wrote")
    results = Results.read(parser.parse_args().run)
    folder = PAGE.with_suffix("")
    folder.mkdir(exist_ok=True)
    drawn = plots(results)
    for name, drawing in drawn.items():
        (folder / name).write_text(drawing, encoding="utf-8")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), section(results, list(drawn))), encoding="utf-8")


def filled(page: str, section: str) -> str:
    """The page with another text between its two marks. ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"


def section(results: Results, drawings: Sequence[str]) -> str:
    """Everything that a run says, as Markdown."""
    facts = {**results.data["machine"], **results.data["versions"]}
    facts.pop("processor", None)  # the page is for ratios, and no reader has the same one
    parts = ["Measured with " + ", ".join(f"{name} {value}" for name, value in facts.items()) + "."]
    parts += [f"![{name.removesuffix('.svg')}](speed/{name})" for name in drawings]
    for workload in COMPARED:
        parts += _comparisons(results, workload)
    parts += [_alone(results, workload) for workload in ALONE]
    return "\n\n".join(part for part in parts if part)


def _comparisons(results: Results, workload: str) -> Iterable[str]:
    """A table for each point of a workload."""
    rows = results.rows(workload)
    for in_flight, size in dict.fromkeys((row.in_flight, row.bytes) for row in rows):
        ballast = f", {size // 1024} KiB each" if size else ""
        here = [row for row in rows if (row.in_flight, row.bytes) == (in_flight, size)]
        yield f"**{workload}, {in_flight} in flight{ballast}**\n\n{_comparison(here)}"


def _comparison(rows: Sequence[Row]) -> str:
    baseline = next((row.median("per_s") for row in rows if row.contender == BASELINE), None)
    head = ["", "a second", "least - most", f"times {BASELINE}", "p50 ms", "p99 ms"]
    return _table(head, (_compared(row, baseline) for row in rows))


def _compared(row: Row, baseline: float | None) -> list[str]:
    rate = row.numbers["per_s"]
    return [
        row.contender,
        number(rate.median),
        f"{number(rate.least)} - {number(rate.most)}",
        f"{rate.median / baseline:.2f}" if baseline else "",
        *(_cell(row, name) for name in ("p50_ms", "p99_ms")),
    ]


def _alone(results: Results, workload: str) -> str:
    counted, names = ALONE[workload]
    rows = results.rows(workload)
    if not rows:
        return ""
    head = ["", counted, *(WORDS[name] for name in names)]
    cells = (
        [row.contender, str(row.in_flight) if counted else "", *(_cell(row, name) for name in names)]
        for row in rows
    )
    return f"**{workload}**\n\n{_table(head, cells)}"


def _cell(row: Row, name: str) -> str:
    value = row.median(name)
    return "" if value is None else number(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    main()
