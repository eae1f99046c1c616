"""From the numbers of a run to its drawings and its page."""

from xml.etree import ElementTree

import pytest

from benchmarks.catalogue import BASELINE, HMAC
from benchmarks.job_workloads import SUBMITTER
from benchmarks.page import BEGIN, END, filled, section
from benchmarks.plots import plots
from benchmarks.results import Results

SVG = "{http://www.w3.org/2000/svg}"


def _median(contender: str, workload: str, in_flight: int, **numbers: float) -> dict[str, object]:
    point = {"workload": workload, "in_flight": in_flight, "bytes": 0}
    spreads = {name: {"median": each, "least": each / 2, "most": 2 * each} for name, each in numbers.items()}
    return {"contender": contender, "point": point, "numbers": spreads}


RESULTS = Results(
    {
        "machine": {"processors": "2"},
        "versions": {"Python": "3.11"},
        "contenders": [{"name": HMAC, "settings": ""}, {"name": BASELINE, "settings": ""}],
        "medians": [
            _median(HMAC, "calls", 64, per_s=8000.0, p50_ms=5.0, p99_ms=9.0),
            _median(BASELINE, "calls", 64, per_s=2000.0, p50_ms=30.0, p99_ms=60.0),
            _median(HMAC, "sequential", 1, per_s=500.0, p50_ms=2.0),
            _median(HMAC, "clients", 10, per_s=900.0, p50_ms=2.0, p99_ms=4.0, memory_mib=70.0),
        ],
        "measured": [
            {
                "contender": SUBMITTER,
                "point": {"workload": "backlog", "in_flight": 20},
                "said": {
                    "left": [0, 10, 20, 10, 0],
                    "memory_mib_by_left": [70.0, 71.0, 72.0, 72.0, 72.0],
                    "job_p50_ms_by_tenth": [9.0, 8.0],
                    "calls_before_p50_ms": 2.0,
                    "calls_standing_p50_ms": 2.5,
                },
            }
        ],
    }
)


def parsed(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)  # noqa: S314 - our own


def test_every_plot_is_an_svg_that_names_its_axes() -> None:
    words = {
        name: [each.text for each in parsed(drawing).iter(f"{SVG}text")]
        for name, drawing in plots(RESULTS).items()
    }
    assert {HMAC, BASELINE, "8,000", "calls a second"} <= set(words["calls.svg"])
    assert {"calls in flight", "median of a call, ms", HMAC} <= set(words["latency.svg"])
    assert {"calls a second", "clients, each with one call in flight"} <= set(words["clients.svg"])
    assert {"jobs that wait", "memory of the replica, MiB"} <= set(words["backlog-memory.svg"])
    assert {"a job that goes first", "a plain call"} <= set(words["backlog-latency.svg"])


def test_a_bar_is_as_long_as_its_value() -> None:
    boxes = parsed(plots(RESULTS)["calls.svg"]).iter(f"{SVG}rect")
    ours, theirs = (float(each.attrib["width"]) for each in boxes)
    assert ours == pytest.approx(4 * theirs, abs=1)


def test_what_was_not_measured_is_not_drawn() -> None:
    nothing = Results({**RESULTS.data, "medians": [], "measured": []})
    assert plots(nothing) == {}


def test_the_page_has_a_table_with_ratios_to_the_baseline() -> None:
    page = section(RESULTS, ["calls.svg"])
    assert "![calls](speed/calls.svg)" in page
    assert f"| {HMAC} | 8,000 | 4,000 - 16,000 | 4.00 | 5 | 9 |" in page
    assert f"| {HMAC} | 10 | 900 | 2 | 4 | 70 |" in page


def test_only_what_stands_between_the_marks_is_written_anew() -> None:
    page = f"# Speed\n\n{BEGIN}\nold\n{END}\n\nthe rest\n"
    once = filled(page, "new")
    assert once == f"# Speed\n\n{BEGIN}\n\nnew\n\n{END}\n\nthe rest\n"
    assert filled(once, "new") == once


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="begin: measured"):
        filled("# Speed\n", "new")
