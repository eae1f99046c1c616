"""The guard in conftest.py: a test that leaves something running behind it fails, by itself."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

LEAKS = """
import asyncio

async def fails():
    raise ValueError("nobody looked at me")

async def test_a_task_is_left():
    asyncio.create_task(asyncio.sleep(60))

async def test_an_exception_is_left():
    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    del task

async def test_a_task_that_is_just_ending_is_not_a_leak():
    asyncio.create_task(asyncio.sleep(0.01))

def test_there_is_no_loop_here(): ...
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("leaks")
    shutil.copy(CONFTEST, folder)
    (folder / "test_leaks.py").write_text(LEAKS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--asyncio-mode=auto",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_a_task_that_is_left_behind_fails_its_test(report: str) -> None:
    assert "the test left tasks behind" in report
    assert "ERROR test_leaks.py::test_a_task_is_left" in report


def test_an_exception_that_nobody_saw_fails_its_test(report: str) -> None:
    assert "nobody looked at me" in report
    assert "ERROR test_leaks.py::test_an_exception_is_left" in report


def test_nothing_else_fails(report: str) -> None:
    assert "4 passed, 2 errors" in report
