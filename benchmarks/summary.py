"""Medians over the rounds, with the spread, and ratios between contenders."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.rounds import Measured
from benchmarks.workloads import Point


@dataclass(frozen=True, slots=True)
class Spread:
    """A number that was measured several times."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


Medians = Mapping[tuple[str, Point], Mapping[str, Spread]]
"""By contender and point: every number that was measured there."""


def summary(outcomes: Iterable[Measured]) -> Medians:
    """Bring the rounds together. A number that is missing in some rounds is taken from the others."""
    collected: dict[tuple[str, Point], dict[str, list[float]]] = {}
    for outcome in outcomes:
        numbers = collected.setdefault((outcome.contender, outcome.point), {})
        for name, value in outcome.numbers.items():
            numbers.setdefault(name, []).append(value)
    return {
        key: {name: Spread.of(values) for name, values in numbers.items()}
        for key, numbers in collected.items()
    }


def ratio(medians: Medians, point: Point, number: str, contender: str, baseline: str) -> float | None:
    """How many times the baseline's median is the contender's; None where one of them is missing."""
    ours = medians.get((contender, point), {}).get(number)
    theirs = medians.get((baseline, point), {}).get(number)
    return ours.median / theirs.median if ours and theirs and theirs.median else None
