"""The run as it is told: to people in tables, to programs as JSON."""

import json

from benchmarks.catalogue import BASELINE, HMAC
from benchmarks.contender import Contender
from benchmarks.report import Report, line
from benchmarks.rounds import Failed, Measured, Outcome, Plan
from benchmarks.tables import aligned
from benchmarks.workloads import Point

IN_COMPANY, IDLE = Point("calls", 64), Point("idle")


def contender(name: str) -> Contender:
    return Contender(name, ["server"], ["load"], f"how {name} is set up")


def report(*outcomes: Outcome) -> Report:
    plan = Plan([contender(HMAC), contender(BASELINE)], [IN_COMPANY], rounds=2, seconds=1.0, once=[IDLE])
    return Report(plan, {"cores": "2"}, {"celery": "5.6"}, outcomes, {"C echo": "there is no C compiler"})


def outcomes() -> list[Outcome]:
    return [
        Measured(HMAC, IN_COMPANY, 1, {"done": 9.0, "per_s": 400.0, "p50_ms": 1.25}, {"left": [1, 2]}),
        Measured(HMAC, IN_COMPANY, 2, {"done": 9.0, "per_s": 600.0, "p50_ms": 1.35}),
        Measured(HMAC, IDLE, 1, {"memory_mib": 64.5}),
        Measured(BASELINE, IN_COMPANY, 1, {"done": 9.0, "per_s": 100.0}),
        Failed(BASELINE, IN_COMPANY, 2, "the load ended"),
    ]


def test_people_read_a_table_for_each_point() -> None:
    text = report(*outcomes()).text()
    rows = [row.split("  ") for row in text.splitlines() if row.startswith((HMAC, BASELINE))]
    told = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert told[:3] == [
        [HMAC, "500", "400 - 600", "5.00", "1.30"],
        [BASELINE, "100", "100 - 100", "1.00"],
        [HMAC, "64.50"],
    ]
    assert f"  {HMAC}: how {HMAC} is set up" in text
    assert "  C echo: there is no C compiler" in text
    assert f"  {BASELINE}, calls, 64 in flight, round 2: the load ended" in text
    assert "cores: 2\nlibraries: celery 5.6\n2 round(s), 1 s for each measurement" in text
    goals = [row.split() for row in text.splitlines() if "at least 4 times" in row]
    assert [row[-2:] for row in goals] == [["5.00", "ok"], ["not", "measured"]]


def test_programs_read_all_of_it() -> None:
    data = json.loads(json.dumps(report(*outcomes()).data()))
    assert data["medians"][0]["numbers"]["per_s"] == {"median": 500.0, "least": 400.0, "most": 600.0}
    assert data["medians"][0]["point"]["in_flight"] == 64
    assert data["measured"][0]["said"] == {"left": [1, 2]}
    assert data["failed"][0]["reason"] == "the load ended"
    assert data["lacking"] == {"C echo": "there is no C compiler"}
    assert data["goals"][0] | {"point": None} == {
        "what": "calls, HMAC", "contender": HMAC, "peer": BASELINE, "point": None, "wanted": 4,
        "number": "per_s", "at_most": False, "seen": 5.0, "verdict": "ok",
    }  # fmt: skip


def test_each_outcome_is_told_at_once() -> None:
    good, *_, bad = outcomes()
    assert line(good).endswith("calls, 64 in flight                  400 a second, 1.25 p50 ms")
    assert line(bad).endswith("FAILED: the load ended")


def test_columns_stand_below_each_other() -> None:
    assert aligned([["", "a second"], ["ours", "12"]]) == "      a second\nours        12"
