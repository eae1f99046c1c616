"""Every example does what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import PATIENCE_S, running, toolwire
from tests.examples.conftest import ROOT, Dev
from tests.examples.programs import PYTHON_M, run_example

pytestmark = pytest.mark.timeout(120)  # half a dozen processes, each with a start of its own


def packed(text: str) -> str:
    """The id of the job that was picked up."""
    found = re.fullmatch(r"job (\S+) packed item='pencil' count=3\n", text)
    assert found, text
    return found[1]


def submitted(folder: Path) -> str:
    """Submit a job and exit; the job's id."""
    found = re.fullmatch(r"submitted job (\S+)\n", run_example("fire_and_forget.submit", folder=folder))
    assert found
    return found[1]


def test_the_service_the_client_and_the_agent(dev: Dev, tmp_path: Path) -> None:
    with dev("examples.service:service"):
        assert toolwire("call", "look_up", "item=stapler", folder=tmp_path).json() == {"unit_price": 12.5}
        told = run_example("client", folder=tmp_path).splitlines()
        assert told[:2] == ["a stapler costs 12.5", "unknown_item: did you mean {'item': 'stapler'}?"]
        assert all(re.fullmatch(r"\d+% \d of 3 packed", line) for line in told[2:-2])
        assert told[-2:] == ["packed", "the parcel has 3 of stapler"]
        *told, end = run_example("agent_loop", "3", "staplers", folder=tmp_path).splitlines()
        assert [line.split(":")[0] for line in told] == [
            "look_up {'item'",
            "look_up {'item'",
            "add_up {'unit_price'",
        ]
        assert "There is no staplers" in told[0]
        assert end == "3 staplers cost 37.5"


def test_fire_and_forget(dev: Dev, tmp_path: Path) -> None:
    with dev("examples.service:service"):
        job = submitted(tmp_path)
        assert toolwire("watch", job, folder=tmp_path).code == 0
        # Started for the first time when the job is over and its submitter has gone.
        assert packed(run_example("fire_and_forget.pick_up", folder=tmp_path)) == job
        # Started before there is a job: it waits.
        with running("examples.fire_and_forget.pick_up", folder=tmp_path, command=PYTHON_M) as waiting:
            job = submitted(tmp_path)
            assert waiting.ended() == 0
            assert packed(waiting.text) == job


def test_approval(dev: Dev, tmp_path: Path) -> None:
    with dev("examples.approval:service") as serving:
        told = run_example("approval", "Where is it?", folder=tmp_path, stdin="Here.\n")
        assert told.startswith("Send this? You ask: Where is it? We are looking into it.\n")
        assert told.endswith(": sent: Here.\n")
        job = toolwire("submit", "reply", "question=Who?", folder=tmp_path).out.strip()
        with running("watch", job, folder=tmp_path) as watching:
            watching.wait_for(f"to answer it: toolwire answer {job} send=true")
            assert toolwire("answer", job, "send=true", folder=tmp_path).code == 0
            assert watching.ended() == 0
        assert serving.text.count("drafting a reply") == 2, "one draft each: it was saved"


def test_the_integration_test(broker_url: str) -> None:
    """It finds its broker as every user's does: here one that is named."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/test_integration.py"],
        cwd=ROOT,
        env={"TOOLWIRE_BROKER_URL": broker_url},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout
