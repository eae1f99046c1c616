"""The run as people read it, a table for each point, and as programs do."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from benchmarks.catalogue import BASELINE
from benchmarks.goals import GOALS
from benchmarks.rounds import Failed, Measured, Outcome, Plan
from benchmarks.summary import Medians, Spread, ratio, summary
from benchmarks.tables import aligned
from benchmarks.workloads import Point

V = TypeVar("V")

RATE = "per_s"
KNOWN = {
    RATE: "a second",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "load_us": "load us",
    "server_us": "server us",
    "broker_us": "broker us",
    "all_us": "all us",
}
"""The columns of most tables, by the names of their numbers; other numbers follow under their own names."""
LEFT_OUT = {"done", "seconds", "cpu_s", "errors"}
WORDS = (
    "Medians; least and most of all rounds; times: how many times as much as " + BASELINE + ".\n"
    "us: processor time for each that was done, of the load, of its server or servers, and of the broker."
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one run. `lacking`: why a contender was not measured at all."""

    plan: Plan
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    outcomes: Sequence[Outcome]
    lacking: Mapping[str, str]

    @property
    def measured(self) -> list[Measured]:
        """What went well."""
        return [each for each in self.outcomes if isinstance(each, Measured)]

    @property
    def failed(self) -> list[Failed]:
        """What did not."""
        return [each for each in self.outcomes if isinstance(each, Failed)]

    def text(self) -> str:
        """All of it for people."""
        medians = summary(self.measured)
        points = self.plan.points_in(1)
        tables = [_table(point, medians) for point in points if any(each == point for _, each in medians)]
        parts = [self._facts(), WORDS, *tables, self._settings(), self._not_measured(), _goals(medians)]
        return "\n\n".join(part for part in parts if part)

    def data(self) -> dict[str, Any]:
        """All of it for programs: plain values that JSON knows."""
        medians = summary(self.measured)
        return {
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "rounds": self.plan.rounds,
            "seconds": self.plan.seconds,
            "contenders": [{"name": each.name, "settings": each.settings} for each in self.plan.contenders],
            "medians": [_median(*key, numbers) for key, numbers in medians.items()],
            "measured": [asdict(each) for each in self.measured],
            "failed": [asdict(each) for each in self.failed],
            "lacking": dict(self.lacking),
            "goals": [
                asdict(goal) | {"seen": goal.seen(medians), "verdict": goal.verdict(medians)}
                for goal in GOALS
            ],
        }

    def _facts(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        told = [f"{name}: {value}" for name, value in self.machine.items()]
        rounds = f"{self.plan.rounds} round(s), {self.plan.seconds:g} s for each measurement"
        return "\n".join([*told, f"libraries: {versions}", rounds])

    def _settings(self) -> str:
        lines = [f"  {each.name}: {each.settings}" for each in self.plan.contenders]
        return "\n".join(["How each is set up", *lines])

    def _not_measured(self) -> str:
        lines = [f"  {name}: {reason}" for name, reason in self.lacking.items()]
        lines += [
            f"  {each.contender}, {each.point}, round {each.round}: {each.reason}" for each in self.failed
        ]
        return "\n".join(["What was not measured", *lines]) if lines else ""


def line(outcome: Outcome) -> str:
    """One outcome, as it is told while others are still to be measured."""
    where = f"round {outcome.round}  {outcome.contender:20} {outcome.point!s:36}"
    if isinstance(outcome, Failed):
        return f"{where} FAILED: {outcome.reason}"
    told = [f"{_written(value)} {KNOWN.get(name, name)}" for name, value in _shown(outcome.numbers).items()]
    return f"{where} {', '.join(told)}"


def _table(point: Point, medians: Medians) -> str:
    rows = {name: _shown(numbers) for (name, each), numbers in medians.items() if each == point}
    columns = list(dict.fromkeys(number for numbers in rows.values() for number in numbers))
    header = [KNOWN.get(name, name) for name in columns]
    if RATE in columns:
        header[1:1] = ["least - most", "times"]
    return f"{point}\n" + aligned([["", *header], *(_row(name, point, columns, medians) for name in rows)])


def _row(contender: str, point: Point, columns: Sequence[str], medians: Medians) -> list[str]:
    numbers = medians[contender, point]
    cells = [_written(numbers[name].median) if name in numbers else "" for name in columns]
    if RATE in columns:
        rate, times = numbers.get(RATE), ratio(medians, point, RATE, contender, BASELINE)
        cells[1:1] = [f"{rate.least:.0f} - {rate.most:.0f}" if rate else "", f"{times:.2f}" if times else ""]
    return [contender, *cells]


def _shown(numbers: Mapping[str, V]) -> dict[str, V]:
    """The numbers that belong into a table, those that most tables have first."""
    usual = {name: numbers[name] for name in KNOWN if name in numbers}
    return usual | {name: number for name, number in numbers.items() if name not in LEFT_OUT}


def _written(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.2f}"


def _goals(medians: Medians) -> str:
    rows = [("to reach", "against", "", "wanted", "measured", "")]
    for goal in GOALS:
        wanted = f"{'at most' if goal.at_most else 'at least'} {goal.wanted:g}{' times' if goal.peer else ''}"
        seen = goal.seen(medians)
        measured = "" if seen is None else f"{seen:.2f}"
        against = goal.peer or "nobody"
        rows.append(
            (
                f"{goal.contender}: {goal.what}",
                against,
                str(goal.point),
                wanted,
                measured,
                goal.verdict(medians),
            )
        )
    return aligned(rows)


def _median(contender: str, point: Point, numbers: Mapping[str, Spread]) -> dict[str, Any]:
    spreads = {name: asdict(spread) for name, spread in numbers.items()}
    return {"contender": contender, "point": asdict(point), "numbers": spreads}
