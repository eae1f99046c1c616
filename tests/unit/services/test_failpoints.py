"""Failpoints: one closed list, each stands somewhere, and a process ends exactly where it was told to."""

import ast
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from toolwire.contracts.errors import ConfigurationError
from toolwire.services import Service
from toolwire.services.failpoints import FAILPOINTS, VARIABLE, arm, reach
from toolwire.testing import in_memory

SERVICES = Path(__file__).parents[3] / "services"

PROGRAM = """
from toolwire.services.failpoints import arm_by_environment, reach
arm_by_environment()
for turn in range(1, 4):
    reach("tell.sent")
    print(turn, flush=True)
"""


def test_every_failpoint_stands_in_one_place() -> None:
    """A point that was taken out of the code would let its tests pass by waiting for nothing."""
    assert Counter(reached()) == Counter(FAILPOINTS.keys())


def reached() -> list[str]:
    """The names that the code reaches: all texts within the first argument of each `reach`."""
    sources = [file.read_text(encoding="utf-8") for file in SERVICES.rglob("*.py")]
    calls = [
        node
        for source in sources
        if "reach(" in source
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reach"
    ]
    texts = [part for call in calls for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant)]
    return [text.value for text in texts if isinstance(text.value, str) and "." in text.value]


def test_without_the_variable_nothing_happens() -> None:
    for name in FAILPOINTS:
        reach(name)


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_disarms(nothing: str | None) -> None:
    arm("claim.committed")
    arm(nothing)
    reach("claim.committed")


@pytest.mark.parametrize(
    ("spelling", "complaint"),
    [
        ("claim.comitted", "names no failpoint: 'claim.comitted'. They are: claim.written, claim.committed"),
        ("claim", "names no failpoint: 'claim'"),
        ("claim.committed=explode", "knows no action 'explode'. They are: kill, stop"),
        ("claim.committed@0", "is NAME, NAME@TURN or NAME@TURN=ACTION, not 'claim.committed@0'"),
        ("claim.committed@x", "is NAME, NAME@TURN"),
        ("claim.committed=", "is NAME, NAME@TURN"),
        (" claim.committed", "is NAME, NAME@TURN"),
    ],
)
def test_what_names_none_is_refused(spelling: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        arm(spelling)
    assert complaint in str(refused.value)


async def test_a_replica_does_not_start_with_a_typo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "tell.send")
    with pytest.raises(ConfigurationError, match=r"tell\.send"):
        async with in_memory(Service("server-1")):
            pytest.fail("it started")


def test_a_process_ends_there() -> None:
    process = begin("tell.sent@3")
    assert process.communicate()[0] == "1\n2\n"
    assert process.returncode == -signal.SIGKILL


def test_a_process_stands_still_there_until_it_is_let_on() -> None:
    process = begin("tell.sent@2=stop")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert process.communicate()[0] == "1\n2\n3\n"
    assert process.returncode == 0


def begin(spelling: str) -> subprocess.Popen[str]:
    """A process that gets to the failpoint `tell.sent` three times."""
    environment = os.environ | {VARIABLE: spelling}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    )
