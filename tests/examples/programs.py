"""The examples' programs: `python -m examples.NAME`."""

import subprocess
import sys
from pathlib import Path

from tests.command_line import PATIENCE_S

PYTHON_M = (sys.executable, "-m")


def run_example(name: str, *words: str, folder: Path, stdin: str = "") -> str:
    """Run an example to its end, which must be a good one; what it printed."""
    done = subprocess.run(
        [*PYTHON_M, f"examples.{name}", *words],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
