"""The page about metrics and log lines says what the code does, all of it and nothing else."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.telemetry.looking import Gate, bench_for, page
from tests.unit.telemetry.test_logs import CALL, JOB, tell_everything
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services.telemetry.logs import LINES
from toolwire.services.telemetry.metrics import Metrics

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
Row = tuple[str, str, frozenset[str]]
"""A name, its type or level, and its labels or fields."""


def rows(heading: str) -> list[Row]:
    """The rows of the table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*?) ?\| ", section, re.MULTILINE)
    return [(name, kind, frozenset(re.findall(r"`(\w+)`", told))) for name, kind, told in found]


def row(metric: Metric) -> Row:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    labels = {label for sample in metric.samples for label in sample.labels}
    return name, metric.type, frozenset(labels - {"le"})


async def test_every_metric_is_on_the_page_with_its_type_and_labels(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, {"charge", "build"})
    tell_everything(metrics)
    for whom in (CALL, JOB):
        metrics.started(whom, 1, 0)
        metrics.ran(whom, 1)
        metrics.settled(whom, Status.ERROR, Code.INTERNAL)
    async with bench_for(Gate(), tmp_path).running() as replica:
        told = (await page(replica, "/metrics")).body
    gauges = [
        each
        for each in text_string_to_metric_families(told)
        if each.name.startswith("toolwire_") and each.type == "gauge"
    ]
    assert rows("Metrics") == [row(each) for each in [*registry.collect(), *gauges]]


def test_every_line_is_on_the_page_with_its_level_and_fields() -> None:
    lines = [
        (name, logging.getLevelName(line.level).lower(), frozenset(line.fields))
        for name, line in LINES.items()
    ]
    assert rows("Log lines") == lines


def test_queries_name_only_metrics_that_there_are() -> None:
    named = set(re.findall(r"toolwire_[a-z_]+", PAGE.partition("\n## Queries")[2].partition("\n## Log")[0]))
    known = {name for name, _, _ in rows("Metrics")}
    assert {name.removesuffix("_bucket") for name in named} <= known
