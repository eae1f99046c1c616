"""What `python -m benchmarks` is told, and what it makes of it."""

from pathlib import Path

import pytest

from benchmarks.__main__ import ROUNDS, parser, plan
from benchmarks.catalogue import BASELINE, contenders
from benchmarks.goals import GOALS
from benchmarks.rounds import Plan
from benchmarks.workloads import Point, sharing


def told(*arguments: str) -> Plan:
    return plan(parser().parse_args(arguments))


def test_every_goal_is_measured_by_the_usual_run() -> None:
    usual = told()
    names = {each.name: each for each in usual.contenders}
    assert usual.rounds == ROUNDS
    for goal in GOALS:
        assert goal.point in usual.points_in(1)
        assert names[goal.contender].can_do(goal.point)
        assert goal.peer is None or names[goal.peer].can_do(goal.point)


def test_names_are_told_apart() -> None:
    names = [each.name for each in told().contenders]
    assert len(names) == len(set(names))


def test_less_is_measured_when_asked_for() -> None:
    quick = told("--quick", "--contenders", "JSON", "toolwire h")
    assert (quick.rounds, len(quick.contenders)) == (1, 2)
    assert len(quick.points_in(1)) < len(told().points_in(1))
    only = told("--only", "calls", "--rounds", "7", "--seconds", "0.5")
    assert {point.workload for point in only.points_in(1)} == {"calls"}
    assert (only.rounds, only.seconds) == (7, 0.5)


def test_what_takes_hours_is_measured_once_and_only_when_asked_for() -> None:
    assert "soak" not in {point.workload for point in told().points_in(1)}
    long = told("--hours", "0.5", "--only", "soak")
    assert [point.seconds for point in long.points_in(1)] == [1800.0]
    assert long.points_in(2) == []


@pytest.mark.parametrize(
    "wrong", [("--only", "nonsense"), ("--contenders", "nobody")], ids=lambda each: each[0]
)
def test_who_mistypes_is_told_what_there_is(wrong: tuple[str, str]) -> None:
    with pytest.raises(SystemExit, match=f"There are: .*({BASELINE}|calls)"):
        told(*wrong)


def test_peers_that_are_not_installed_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "python"
    reasons = [each.lacking() for each in contenders(missing) if each.name == BASELINE]
    assert reasons == [f"there is no {missing}; `make bench` makes it"]


def test_only_what_leaves_nothing_behind_shares_its_servers() -> None:
    alone, calls, more = Point("submissions", 64), Point("calls", 16), Point("sequential")
    assert sharing([alone, calls, more]) == [[alone], [calls, more]]
