"""Measures every contender in turn, several times: what the machine does meanwhile then hits all alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks import processor_time
from benchmarks.contender import ROOT, Contender
from benchmarks.ground import Ground, Place
from benchmarks.processes import Program, ProgramFailed
from benchmarks.workloads import Point, sharing

READY_S = 30.0
WHO = ("load", "server", "broker")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one load said, and its numbers with the processor time that the others used meanwhile."""

    contender: str
    point: Point
    round: int
    numbers: dict[str, float]
    said: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Failed:
    """A contender that could not be measured at a point."""

    contender: str
    point: Point
    round: int
    reason: str


Outcome = Measured | Failed


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, how often, and for how long each time; `once`: what only the first round measures."""

    contenders: Sequence[Contender]
    points: Sequence[Point]
    rounds: int
    seconds: float
    once: Sequence[Point] = ()

    def points_in(self, number: int) -> list[Point]:
        """What a round measures."""
        return [*self.points, *(self.once if number == 1 else ())]


def run(plan: Plan, ground: Ground, tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Run all in turn, each at a place of its own; `tell` hears of each outcome at once."""
    outcomes: list[Outcome] = []
    for number in range(1, plan.rounds + 1):
        for contender in plan.contenders:
            for points in sharing([point for point in plan.points_in(number) if contender.can_do(point)]):
                for outcome in _Run(contender, number, plan.seconds).at(points, ground):
                    tell(outcome)
                    outcomes.append(outcome)
    return outcomes


@dataclass(frozen=True, slots=True)
class _Run:
    """One contender in one round."""

    contender: Contender
    number: int
    seconds: float

    def at(self, points: Sequence[Point], ground: Ground) -> Iterator[Outcome]:
        """Measure points that share their servers. What fails costs itself."""
        with ground.place(self.contender) as place, ExitStack() as running:
            try:
                servers = [
                    running.enter_context(self._server(place, each)) for each in range(points[0].servers)
                ]
                for server in servers:
                    server.event(within=READY_S)
            except (ProgramFailed, OSError) as error:
                yield from (self._failed(point, f"the server {error}") for point in points)
                return
            for point in points:
                yield self._outcome(point, place, servers)

    def _outcome(self, point: Point, place: Place, servers: Sequence[Program]) -> Outcome:
        try:
            said, spent = self._load(point, place, servers)
            return Measured(
                self.contender.name, point, self.number, numbers_of(said) | per_call(said, spent), said
            )
        except (ProgramFailed, OSError) as error:
            return self._failed(point, f"the load {error}")

    def _load(
        self, point: Point, place: Place, servers: Sequence[Program]
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """What the load says at its end, and the processor time that the others used while it measured."""
        seconds = point.seconds or self.seconds
        command = [
            *(
                *self.contender.load,
                "load",
                "--url",
                place.url,
                "--folder",
                str(place.folder),
                *place.options,
            ),
            *("--workload", point.workload, "--in-flight", str(point.in_flight)),
            *("--seconds", str(seconds), "--bytes", str(point.bytes)),
        ]
        with Program(command, place.folder / "load.log", cwd=ROOT) as load:
            load.event(within=point.patience_s)  # it is warm
            before = _used(servers)
            said = load.event(within=seconds + point.patience_s)
            after = _used(servers)
        return said, {who: after[who] - before[who] for who in before.keys() & after.keys()}

    def _server(self, place: Place, number: int) -> Program:
        command = [
            *(*self.contender.server, "serve", "--url", place.url, "--folder", str(place.folder)),
            *place.options,
        ]
        return Program(command, place.folder / f"server-{number}.log", cwd=ROOT)

    def _failed(self, point: Point, reason: str) -> Failed:
        return Failed(self.contender.name, point, self.number, reason)


def numbers_of(said: dict[str, Any]) -> dict[str, float]:
    """Every plain number that a load says, and how much it got done in a second.

    Raises ProgramFailed where calls failed, or none was answered: such a rate would mean nothing.
    """
    if said.get("errors"):
        raise ProgramFailed(
            f"failed {said['errors']} times: {said.get('first_error', 'it does not say why')}"
        )
    numbers = {name: float(value) for name, value in said.items() if isinstance(value, int | float)}
    if "done" not in numbers:
        return numbers
    if not numbers["done"]:
        raise ProgramFailed("got nothing done")
    return numbers | {"per_s": numbers["done"] / numbers["seconds"]}


def per_call(said: dict[str, Any], spent: dict[str, float]) -> dict[str, float]:
    """Microseconds of processor time for each that is done: the load's own, the servers', the broker's.

    `all_us` is their sum, where all are known. It says more than the rate does on a machine that does other
    things as well.
    """
    if not said.get("done"):
        return {}
    all_spent = spent | ({"load": said["cpu_s"]} if "cpu_s" in said else {})
    if len(all_spent) == len(WHO):
        all_spent["all"] = sum(all_spent.values())
    return {f"{who}_us": 1e6 * seconds / said["done"] for who, seconds in all_spent.items()}


def _used(servers: Sequence[Program]) -> dict[str, float]:
    """Seconds of processor time so far, of those whose time can be seen."""
    of_servers = [processor_time.of_session(each.session) for each in servers]
    used = {"server": sum(filter(None, of_servers)) if any(of_servers) else None}
    used["broker"] = processor_time.of_broker()
    return {who: seconds for who, seconds in used.items() if seconds is not None}
