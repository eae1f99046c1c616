"""A user's project with tests of its own, run by a pytest of its own."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

APP = """
from toolwire.services import JobContext, Service

service = Service("calculator")


@service.tool()
async def add(a: int, b: int) -> int:
    return a + b


@service.job(max_attempts=2)
async def count(ctx: JobContext[None], to: int) -> int:
    return to * ctx.attempt
"""


PYTEST_INI = """
[pytest]
filterwarnings =
    error
    ignore::pytest.PytestConfigWarning
asyncio_default_fixture_loop_scope = function
"""
"""The warning: without pytest-asyncio its option is not known."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run of pytest ended."""

    passed: int
    failed: int
    """Tests that failed, and tests whose fixtures did."""
    told: str


def run_pytest(folder: Path, tests: str, *options: str, **environment: str) -> Ran:
    """Write the project into `folder`, and run its tests."""
    (folder / "app.py").write_text(APP, encoding="utf-8")
    (folder / "test_app.py").write_text(tests, encoding="utf-8")
    (folder / "pytest.ini").write_text(PYTEST_INI, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", *options],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    last = ended.stdout.strip().splitlines()[-1] if ended.stdout.strip() else ""
    counts = {what: int(number) for number, what in re.findall(r"(\d+) (passed|failed|error)", last)}
    return Ran(
        passed=counts.get("passed", 0),
        failed=counts.get("failed", 0) + counts.get("error", 0),
        told=ended.stdout + ended.stderr,
    )
