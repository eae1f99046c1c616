"""A run as `--json` has written it, for what is made of it afterwards."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.summary import Spread


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one contender at one point."""

    contender: str
    workload: str
    in_flight: int
    bytes: int
    numbers: Mapping[str, Spread]

    def median(self, name: str) -> float | None:
        """The number's median, if it was measured."""
        spread = self.numbers.get(name)
        return None if spread is None else spread.median


@dataclass(frozen=True, slots=True)
class Results:
    """All of a run."""

    data: Mapping[str, Any]

    @classmethod
    def read(cls, file: Path) -> "Results":
        """What stands in that file."""
        return cls(json.loads(file.read_text(encoding="utf-8")))

    def rows(self, workload: str, in_flight: int | None = None) -> list[Row]:
        """The medians at a workload, in the order of the contenders and of what is in flight."""
        found = [row for row in self._all_rows() if row.workload == workload]
        return [row for row in found if in_flight is None or row.in_flight == in_flight]

    def said(self, workload: str, contender: str) -> Mapping[str, Any]:
        """Everything that the load told in the last round of the longest such point; empty without one."""
        told = [
            (each["point"]["in_flight"], each["said"])
            for each in self.data["measured"]
            if each["point"]["workload"] == workload and each["contender"] == contender
        ]
        return max(told, key=lambda one: one[0])[1] if told else {}

    def contenders(self) -> Sequence[Mapping[str, str]]:
        """Names and settings, in the order of the table."""
        known: Sequence[Mapping[str, str]] = self.data["contenders"]
        return known

    def _all_rows(self) -> Iterator[Row]:
        for each in self.data["medians"]:
            point = each["point"]
            numbers = {name: Spread(**spread) for name, spread in each["numbers"].items()}
            yield Row(each["contender"], point["workload"], point["in_flight"], point["bytes"], numbers)
