"""Every test on each RabbitMQ and each Python that will do: `python3 bootstrap.py test-versions`.

Both have their oldest, middle and newest version run together, each pair in a virtual environment of its own.
A version that cannot be had is named with what to type, and the whole fails; the others are run all the same.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bootstrap import AT_ONCE, MISSING, ROOT, Venv, output_of, python_of, say

from toolwire.testing.find_broker import NoBroker, find_version
from toolwire.testing.find_database import NoDatabase, find_postgres

BROKER_TOLD = re.compile(r"^broker: (?P<broker>RabbitMQ (?P<version>\S+), .*)$")
COUNTS_TOLD = re.compile(r"^(=+ )?(?P<counts>.*\b(passed|failed|errors?|no tests ran)\b.*) in [\d.]+s\b")
"""The last line of pytest."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What is run together."""

    rabbitmq: str
    python: str

    def __str__(self) -> str:
        return f"RabbitMQ {self.rabbitmq}, Python {self.python}"


PAIRS = (Pair("3.10", "3.11"), Pair("4.0", "3.12"), Pair("4.3", "3.13"))


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a pair. `seen`: the versions that it really ran on."""

    pair: Pair
    seen: str = "-"
    told: str = "not run"
    seconds: float = 0.0
    code: int = MISSING


class Missing(Exception):
    """This machine lacks something; the message says what to type."""


def main(arguments: Sequence[str]) -> int:
    """Run the pairs that the first arguments name, or all; further arguments go to pytest."""
    pairs, options = chosen(arguments)
    if not pairs:
        known = ", ".join(f"{pair.rabbitmq} (with Python {pair.python})" for pair in PAIRS)
        say(f"no such version as {options[0]} is tested; there are {known}")
        return 2
    results = [result_of(pair, options) for pair in pairs]
    sys.stdout.write(f"\n{table(results)}\n")
    return max(result.code for result in results)


def chosen(arguments: Sequence[str]) -> tuple[list[Pair], list[str]]:
    """The pairs that a first argument names by either version, else all; and what goes to pytest."""
    if not arguments or not re.fullmatch(r"\d+\.\d+", arguments[0]):
        return list(PAIRS), list(arguments)
    named = [pair for pair in PAIRS if arguments[0] in (pair.rabbitmq, pair.python)]
    return named, list(arguments[1:] if named else arguments)


def result_of(pair: Pair, options: Sequence[str]) -> Result:
    """Run the tests on a pair, if this machine has it."""
    say(f"--- {pair} ---")
    try:
        venv, environment = prepared(pair)
    except (Missing, NoBroker, NoDatabase) as missing:
        say(str(missing))
        return Result(pair, told=str(missing).partition("\n")[0])
    began = time.monotonic()
    command = [venv.tool("python"), "-m", "pytest", *AT_ONCE, *options]
    code, lines = run(command, environment)
    python = output_of(venv.tool("python"), "-c", "import platform; print(platform.python_version())")
    return judged(pair, python, code, lines, time.monotonic() - began)


def prepared(pair: Pair) -> tuple[Venv, dict[str, str]]:
    """An environment with the pair's Python, and what tells the tests to use its RabbitMQ and a PostgreSQL.

    Raises Missing, NoBroker and NoDatabase.
    """
    python = python_of(pair.python)
    if not python:
        raise Missing(
            f"no Python {pair.python} to be had. Type one of these, and try again:\n"
            f"    sudo apt-get install python{pair.python} python{pair.python}-venv\n"
            f"    uv python install {pair.python}\n    pyenv install {pair.python}"
        )
    kind, image = find_version(pair.rabbitmq)
    database = find_postgres(os.environ)
    venv = Venv(ROOT / f".venv-{pair.python}", python)
    try:
        venv.install()
    except SystemExit:
        raise Missing(f"{venv.folder.name} could not be made; why is said above") from None
    asked = {"TOOLWIRE_TEST_BROKER": kind, "TOOLWIRE_TEST_IMAGE": image}
    return venv, asked | {"TOOLWIRE_TEST_POSTGRES": database}


def run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run a command and show what it says while it says it; its exit code, and its lines."""
    lines: list[str] = []
    with subprocess.Popen(
        command, env=os.environ | environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line.rstrip())
    return process.returncode, lines


def judged(pair: Pair, python: str, code: int, lines: Sequence[str], seconds: float) -> Result:
    """What a run of pytest says of the pair. It fails, too, where that is not what it ran on."""
    brokers = sorted({match["broker"] for line in lines if (match := BROKER_TOLD.match(line))})
    versions = {match["version"] for line in lines if (match := BROKER_TOLD.match(line))}
    counts = [match["counts"] for line in lines if (match := COUNTS_TOLD.match(line))]
    told = counts[-1] if counts else f"pytest ended with exit code {code}"
    if code == 0 and not all(version.startswith(f"{pair.rabbitmq}.") for version in versions):
        told, code = f"another RabbitMQ: {told}", 1
    if code == 0 and not python.startswith(f"{pair.python}."):
        told, code = f"another Python: {told}", 1
    seen = "; ".join([*(brokers or ["no broker was needed"]), f"Python {python}"])
    return Result(pair, seen, told, seconds, min(code, 1))


def table(results: Sequence[Result]) -> str:
    """One line for each pair: what was asked for, what it ran on, how it went, how long it took."""
    rows = [
        (str(each.pair), each.seen, "ok" if each.code == 0 else "FAILED", each.told, f"{each.seconds:.0f} s")
        for each in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
