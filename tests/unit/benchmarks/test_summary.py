"""Medians, spreads, ratios, and what is to be reached."""

from collections.abc import Mapping

import pytest

from benchmarks.goals import Goal
from benchmarks.rounds import Measured
from benchmarks.summary import Medians, Spread, ratio, summary
from benchmarks.workloads import Point

POINT = Point("calls", 64)


def measured(contender: str, *rounds: Mapping[str, float]) -> list[Measured]:
    return [Measured(contender, POINT, number, dict(numbers)) for number, numbers in enumerate(rounds, 1)]


def test_rounds_become_a_median_with_its_spread() -> None:
    rounds = measured("ours", {"per_s": 300.0}, {"per_s": 100.0}, {"per_s": 110.0})
    assert summary(rounds) == {("ours", POINT): {"per_s": Spread(median=110.0, least=100.0, most=300.0)}}


def test_a_number_that_a_round_lacks_is_taken_from_the_others() -> None:
    medians = summary(measured("ours", {"per_s": 1.0}, {"per_s": 3.0, "broker_us": 7.0}))
    assert medians["ours", POINT] == {"per_s": Spread(2.0, 1.0, 3.0), "broker_us": Spread(7.0, 7.0, 7.0)}


def test_how_a_point_is_measured_does_not_make_it_another_one() -> None:
    assert Point("idle", seconds=5.0) == Point("idle", seconds=20.0, patience_s=1.0)
    assert Point("calls", 16) != Point("calls", 64)


@pytest.fixture
def medians() -> Medians:
    ours, theirs = {"per_s": 800.0, "p50_ms": 3.0, "memory_mib": 80.0}, {"per_s": 200.0, "p50_ms": 1.5}
    return summary([*measured("ours", ours), *measured("theirs", theirs)])


def test_a_ratio_needs_both(medians: Medians) -> None:
    assert ratio(medians, POINT, "per_s", "ours", "theirs") == 4.0
    assert ratio(medians, POINT, "memory_mib", "ours", "theirs") is None
    assert ratio(medians, POINT, "per_s", "ours", "nobody") is None
    assert ratio(medians, Point("sequential"), "per_s", "ours", "theirs") is None


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal("rate", "ours", "theirs", POINT, 4), "ok"),
        (Goal("rate", "ours", "theirs", POINT, 4.1), "not yet"),
        (Goal("time", "ours", "theirs", POINT, 2, "p50_ms", at_most=True), "ok"),
        (Goal("time", "ours", "theirs", POINT, 1.9, "p50_ms", at_most=True), "not yet"),
        (Goal("memory", "ours", None, POINT, 80, "memory_mib", at_most=True), "ok"),
        (Goal("memory", "ours", None, POINT, 79, "memory_mib", at_most=True), "not yet"),
        (Goal("rate", "ours", "nobody", POINT, 0), "not measured"),
        (Goal("memory", "theirs", None, POINT, 90, "memory_mib", at_most=True), "not measured"),
    ],
    ids=lambda each: f"{each.what} {each.wanted:g}" if isinstance(each, Goal) else None,
)
def test_what_is_to_be_reached(medians: Medians, goal: Goal, verdict: str) -> None:
    assert goal.verdict(medians) == verdict
