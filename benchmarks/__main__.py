"""`python -m benchmarks`: measures Toolwire and its peers in turn, and prints medians, spreads and ratios."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import job_workloads
from benchmarks.catalogue import contenders
from benchmarks.contender import ROOT, Contender
from benchmarks.ground import Ground
from benchmarks.machine import facts, our_versions, peer_versions
from benchmarks.report import Report, line
from benchmarks.rounds import Outcome, Plan, run
from benchmarks.workloads import ONCE, QUICK, USUAL, Point
from toolwire.testing.brokers import Broker, running_broker
from toolwire.testing.find_broker import FOR_DEMO, NO_BROKER, NoBroker, find_broker

ROUNDS = 3
SECONDS = 2.0
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for. 0: all was measured; 1: something failed; NO_BROKER."""
    given = parser().parse_args(arguments)
    what = plan(given)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, _end)
    try:
        kind = find_broker(FOR_DEMO)
    except NoBroker as error:
        print(f"toolwire: {error}", file=sys.stderr)
        return NO_BROKER
    with running_broker(kind) as broker:
        report = _measure(what, broker, given.peers)
    print("\n" + report.text())
    if given.json:
        given.json.write_text(json.dumps(report.data(), indent=1) + "\n", encoding="utf-8")
    return 1 if report.failed else 0


def plan(given: argparse.Namespace) -> Plan:
    """What the command line asks for. Raises SystemExit where a name is none of ours."""
    rounds, once = _points(given)
    known = [*contenders(given.peers), *job_workloads.contenders(given.peers)]
    return Plan(
        contenders=_chosen(known, given.contenders),
        points=rounds,
        rounds=given.rounds or (1 if given.quick else ROUNDS),
        seconds=given.seconds,
        once=once,
    )


def _points(given: argparse.Namespace) -> tuple[list[Point], list[Point]]:
    """What every round measures, and what only the first one does."""
    rounds = [*QUICK, *job_workloads.QUICK] if given.quick else [*USUAL, *job_workloads.POINTS]
    once = [] if given.quick else [*ONCE, *job_workloads.ONCE]
    if given.hours:
        once += [*job_workloads.LONG, job_workloads.soak(given.hours)]
    if not given.only:
        return rounds, once
    known = {point.workload for point in (*rounds, *once)}
    if unknown := set(given.only) - known:
        raise SystemExit(f"no {', '.join(sorted(unknown))} here. There are: {', '.join(sorted(known))}")
    wanted = set(given.only)
    return [each for each in rounds if each.workload in wanted], [
        each for each in once if each.workload in wanted
    ]


def _chosen(known: Sequence[Contender], words: Sequence[str]) -> list[Contender]:
    """Those whose name holds one of the words, whatever its case; all where none is given."""
    if not words:
        return list(known)
    chosen = [each for each in known if any(word.lower() in each.name.lower() for word in words)]
    if not chosen:
        raise SystemExit("no such contender. There are: " + ", ".join(each.name for each in known))
    return chosen


def _measure(what: Plan, broker: Broker, peers: Path) -> Report:
    with Ground(broker, what.contenders) as ground:
        reasons = {each.name: ground.lacking(each) for each in what.contenders}
        lacking = {name: reason for name, reason in reasons.items() if reason}
        able = replace(what, contenders=[each for each in what.contenders if each.name not in lacking])
        outcomes = run(able, ground, _tell)
    names = [name for each in able.contenders for name in each.measured]
    versions = our_versions() | peer_versions(peers, names)
    return Report(able, facts(broker), versions, outcomes, lacking)


def _tell(outcome: Outcome) -> None:
    print(line(outcome), flush=True)


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - what a handler is given
    """End with everything that was started: the programs, and the broker."""
    raise SystemExit(1)


def parser() -> argparse.ArgumentParser:
    """Read command lines."""
    command = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    command.add_argument("--quick", action="store_true", help="one round of the most telling points")
    command.add_argument("--rounds", type=int, help=f"how often all is measured in turn; usually {ROUNDS}")
    command.add_argument("--seconds", type=float, default=SECONDS, help="how long a measurement takes")
    command.add_argument("--only", nargs="+", default=[], metavar="WORKLOAD", help="these workloads alone")
    command.add_argument("--contenders", nargs="+", default=[], metavar="WORD", help="whose name holds one")
    command.add_argument("--hours", type=float, help="also a backlog of 100,000, and a soak for so long")
    command.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured there")
    command.add_argument("--peers", type=Path, default=PEERS_PYTHON, help="the Python that has the peers")
    return command


if __name__ == "__main__":
    raise SystemExit(main())
