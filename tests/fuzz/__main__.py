"""Looks for bytes that break the readers of messages: `python -m tests.fuzz [--seconds 60]`.

Every target in `tests/fuzz/targets` gets its share of the time. Ends with 0 where nothing was found, with 1
where a check failed, with 3 where there is no Atheris for this machine. An input that was found is checked
again with `--target NAME --input FILE`, which needs no Atheris.
"""

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

from tests.fuzz.lanes import Outcome, run
from tests.fuzz.target import Target

TARGETS = ("request", "answer", "text", "message", "forgery", "properties")
SAID_LINES = 25


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long all targets together take")
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    parser.add_argument("--input", type=Path, help="check this one input of the target, and fuzz nothing")
    given = parser.parse_args()
    if given.input is not None:
        if given.target is None:
            parser.error("--input needs --target")
        return check_again(given.target, given.input)
    if importlib.util.find_spec("atheris") is None:
        tell("no fuzzing here: Atheris is built for Linux on x86-64 and Python 3.11 to 3.13 only")
        return 3
    return report(run([given.target] if given.target else TARGETS, given.seconds))


def check_again(name: str, path: Path) -> int:
    """One input, without the fuzzer: what it breaks is raised."""
    target: Target = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    target.check(path.read_bytes())
    tell(f"{name} holds for {path}")
    return 0


def report(outcomes: list[Outcome]) -> int:
    """Tell what came of every target; the exit code for all of them."""
    failed = [outcome for outcome in outcomes if outcome.code != 0]
    for outcome in failed:
        tell(f"--- {outcome.name} ended with {outcome.code} ---")
        tell("\n".join(outcome.said.splitlines()[-SAID_LINES:]))
    for outcome in outcomes:
        tell(f"{outcome}{'   FAILED' if outcome in failed else ''}")
    for outcome in failed:
        if outcome.input is not None:
            tell(f"{outcome.input} breaks it; to see it again:")
            tell(f"    python -m tests.fuzz --target {outcome.name} --input {outcome.input}")
    return 1 if failed else 0


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
