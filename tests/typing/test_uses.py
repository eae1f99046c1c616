"""mypy and pyright know the types of tools over the wire: what is right passes, what is wrong is red."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USES = Path(__file__).with_name("uses.py")
PINNED = re.compile(r"  # type: ignore\[(?P<mypy>[\w, -]+)\]  # pyright says (?P<pyright>[\w, ]+)$")
MYPY_ERROR = re.compile(r":(?P<line>\d+): error: .*\[(?P<rule>[\w-]+)\]$")

Complaints = set[tuple[int, str]]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The uses without the comments that silence the checkers."""
    file = tmp_path / USES.name
    lines = USES.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(PINNED.sub("", line) for line in lines) + "\n", encoding="utf-8")
    return file


def pinned(checker: str) -> Complaints:
    """The lines and rules that stand beside the wrong uses."""
    lines = USES.read_text(encoding="utf-8").splitlines()
    return {
        (number, rule)
        for number, line in enumerate(lines, start=1)
        if (match := PINNED.search(line))
        for rule in match[checker].split(", ")
    }


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in {0, 1}, done.stderr or done.stdout
    return done.stdout


def test_mypy_says_what_is_pinned(bare: Path) -> None:
    said = [MYPY_ERROR.search(line) for line in run("mypy", str(bare)).splitlines() if ": error:" in line]
    assert {(int(match["line"]), match["rule"]) for match in said if match} == pinned("mypy")


def test_pyright_says_what_is_pinned(bare: Path) -> None:
    # A file outside of the project is checked by its rules only where a project file names it.
    project = bare.with_name("pyrightconfig.json")
    extra = [str(ROOT / name) for name in ("contracts", "broker", "services")]
    project.write_text(
        json.dumps({"include": [bare.name], "typeCheckingMode": "strict", "extraPaths": extra})
    )
    said = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(project)))
    complaints: Complaints = {
        (told["range"]["start"]["line"] + 1, told["rule"]) for told in said["generalDiagnostics"]
    }
    assert complaints == pinned("pyright")
