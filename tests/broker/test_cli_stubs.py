"""`toolwire stubs`: from a server's catalogue to a module that calls it."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.command_line import PATIENCE_S, running, toolwire
from toolwire.cli import exits
from toolwire.cli.dev_home import prepare_home, write_settings
from toolwire.client.home import Home
from toolwire.services.demo import SERVER_ID

CALLER = """
from server import BatchSumArguments, StartLongTaskArguments, batch_sum, start_long_task
from toolwire.client import SyncClient

with SyncClient() as client:
    print(client.call(batch_sum, BatchSumArguments(numbers=[1, 2])).total)
    job = client.submit(start_long_task, StartLongTaskArguments(seconds=1, payload={"a": 1}))
    print(job.result(timeout=30).payload)
"""


@pytest.fixture
def folder(vhost_url: str, tmp_path: Path) -> Generator[Path]:
    """A working folder beside a replica of the demo service."""
    home = Home(os.environ["TOOLWIRE_HOME"])
    prepare_home(home, SERVER_ID)
    write_settings(home, SERVER_ID, vhost_url)
    with running("serve", "toolwire.services.demo:service", folder=tmp_path) as replica:
        replica.wait_for("is ready")
        yield tmp_path


def test_declarations_are_written_checked_and_used(folder: Path) -> None:
    told = toolwire("stubs", "-o", "server.py", folder=folder)
    assert (told.code, told.out, told.err) == (exits.OK, "", "server.py written\n")
    text = (folder / "server.py").read_text()

    assert toolwire("stubs", SERVER_ID, folder=folder).out == text
    assert toolwire("stubs", "-o", "server.py", "--check", folder=folder).code == exits.OK
    told = toolwire("stubs", "-o", "server.py", "--json", folder=folder)
    assert told.json() == {"server_id": SERVER_ID, "file": "server.py", "current": True, "written": False}

    (folder / "caller.py").write_text(CALLER)
    called = subprocess.run(
        [sys.executable, "caller.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (called.stdout, called.stderr) == ("3.0\n{'a': 1}\n", "")

    (folder / "server.py").write_text(text + "x = 1\n")
    told = toolwire("stubs", "-o", "server.py", "--check", folder=folder)
    assert (told.code, told.out) == (exits.FAILED, "")
    assert "write it again without --check" in told.err
    assert (folder / "server.py").read_text() == text + "x = 1\n"


def test_what_it_leaves_alone(folder: Path) -> None:
    (folder / "mine.py").write_text("x = 1\n")
    told = toolwire("stubs", "-o", "mine.py", folder=folder)
    assert told.code == exits.USAGE
    assert "did not write mine.py" in told.err
    assert (folder / "mine.py").read_text() == "x = 1\n"
    told = toolwire("stubs", "--check", "--json", folder=folder)
    assert told.code == exits.USAGE
    assert "--check compares with a file" in told.json()["error"]["message"]
