"""What is known of one contender: what it is, how it is set up, and how its two programs are started."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.workloads import CALLS, Point

ROOT = Path(__file__).parents[1]
PEERS = Path(__file__).parent / "peers"


def nothing_lacks() -> str:
    """The answer of who needs nothing but what is there anyway."""
    return ""


@dataclass(frozen=True, slots=True)
class Contender:
    """One library, or one way to set it up.

    `server` and `load` begin the command lines of its two programs, `options` end both. An option may be a
    word for a server that it needs besides the broker; `benchmarks.ground` knows them. `settings`: how it is
    set up, in words. `measured`: the distributions whose versions tell what was measured. `lacking` makes
    ready what it needs, and says what this machine lacks for it, if anything.
    """

    name: str
    server: Sequence[str]
    load: Sequence[str]
    settings: str
    workloads: frozenset[str] = CALLS
    options: Sequence[str] = ()
    measured: Sequence[str] = ()
    lacking: Callable[[], str] = nothing_lacks

    def can_do(self, point: Point) -> bool:
        """Whether it knows the workload at all."""
        return point.workload in self.workloads


def toolwire(name: str, settings: str, *options: str, workloads: frozenset[str] = CALLS) -> Contender:
    """One way to set Toolwire up."""
    return Contender(
        name=name,
        server=[sys.executable, "-m", "benchmarks.toolwire_service"],
        load=[sys.executable, "-m", "benchmarks.toolwire_load"],
        settings=settings,
        workloads=workloads,
        options=options,
    )


def peer(
    python: Path,
    name: str,
    program: str,
    settings: str,
    *,
    workloads: frozenset[str] = CALLS,
    options: Sequence[str] = (),
    measured: Sequence[str] = (),
) -> Contender:
    """A contender whose two programs are one file in `peers`, run by the peers' own Python."""
    command = [str(python), str(PEERS / program)]
    return Contender(
        name, command, command, settings, workloads, options, measured, partial(_lacks_python, python)
    )


def _lacks_python(python: Path) -> str:
    return "" if python.exists() else f"there is no {python}; `make bench` makes it"
