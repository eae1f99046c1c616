"""The project of `toolwire new`, whose own `make demo` and `make test` work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import PATIENCE_S, toolwire


@pytest.mark.parametrize(
    ("target", "tells"),
    [("demo", ("2 + 3 = 5.0", "done 100%", "words=6 longest='words'")), ("test", ("6 passed",))],
)
def test_a_new_project_works(target: str, tells: tuple[str, ...], vhost_url: str, tmp_path: Path) -> None:
    """In the virtual environment that is at hand, so that a test need not make one."""
    assert toolwire("new", "hello", folder=tmp_path).code == 0
    done = subprocess.run(
        [sys.executable, "make.py", target],
        cwd=tmp_path / "hello",
        env=os.environ | {"TOOLWIRE_BROKER_URL": vhost_url},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(part in done.stdout for part in tells), done.stdout
