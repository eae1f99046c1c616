"""Runs the targets in processes of their own, two at a time, and tells what came of each."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

LANES = 2
FINDINGS = Path(__file__).with_name("findings")
_GRACE_S = 60
"""How long a process may take to start, and to end after its time is over."""

_SPEED = re.compile(r"stat::average_exec_per_sec:\s+(\d+)")
_RUNS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_COVERAGE = re.compile(r"\bcov: (\d+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one target went. `input`: what broke it, where something did; `said`: the end of its output."""

    name: str
    code: int
    said: str
    input: Path | None

    def __str__(self) -> str:
        runs, speed, coverage = (_last(figure, self.said) for figure in (_RUNS, _SPEED, _COVERAGE))
        return f"{self.name:<12}{runs:>9} inputs{speed:>7}/s{coverage:>6} branches covered"


def run(names: Sequence[str], seconds: int) -> list[Outcome]:
    """Fuzz every target; all together take about `seconds`."""
    FINDINGS.mkdir(exist_ok=True)
    FINDINGS.joinpath(".gitignore").write_text("*\n")
    turns = -(-len(names) // LANES)
    each = max(1, seconds // turns)
    with ThreadPoolExecutor(LANES) as lanes:
        return list(lanes.map(_one, names, repeat(each)))


def _one(name: str, seconds: int) -> Outcome:
    before = set(FINDINGS.iterdir())
    with tempfile.TemporaryDirectory(prefix="toolwire-fuzz-") as work:
        log = Path(work) / "log"
        with log.open("wb") as sink:
            code = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.engine", name, str(seconds), work, str(FINDINGS)],
                stdout=sink,
                stderr=subprocess.STDOUT,
                timeout=seconds + _GRACE_S,
                check=False,
            ).returncode
        said = log.read_text("utf-8", "replace")
    new = [path for path in FINDINGS.iterdir() if path not in before and path.name.startswith(f"{name}-")]
    return Outcome(name, code, said, max(new, default=None))


def _last(figure: re.Pattern[str], said: str) -> str:
    found = figure.findall(said)
    return found[-1] if found else "-"
