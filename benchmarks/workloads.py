"""What is measured: each point is a workload, with how much of it is under way at the same time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

PATIENCE_S = 30.0

CALLS = frozenset({"sequential", "calls", "arguments"})
"""The workloads that leave nothing behind, so that one after the other can use the same server and queues."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement of one contender.

    `in_flight`: callers that each wait for their answer before they ask again. `bytes`: ballast in the
    arguments. `servers`: how many server processes there are. `seconds`: how long it is measured, where that
    is not the harness's usual time. `patience_s`: how much longer a load may take before it is given up.
    """

    workload: str
    in_flight: int = 1
    bytes: int = 0
    servers: int = 1
    seconds: float | None = field(default=None, compare=False)
    patience_s: float = field(default=PATIENCE_S, compare=False)

    def __str__(self) -> str:
        ballast = f", {self.bytes // 1024} KiB each" if self.bytes else ""
        servers = f", {self.servers} servers" if self.servers > 1 else ""
        return f"{self.workload}, {self.in_flight} in flight{ballast}{servers}"


USUAL = (Point("sequential"), Point("calls", 16), Point("calls", 64), Point("calls", 256))
"""In each round."""
ONCE = (Point("arguments", 16, 4 * 1024), Point("arguments", 4, 256 * 1024))
"""In the first round alone."""
QUICK = (Point("sequential"), Point("calls", 64))


def sharing(points: Sequence[Point]) -> list[list[Point]]:
    """Put together what can be measured on the same servers, one after the other."""
    groups: dict[object, list[Point]] = {}
    for point in points:
        key = ("calls", point.servers) if point.workload in CALLS else point
        groups.setdefault(key, []).append(point)
    return list(groups.values())
