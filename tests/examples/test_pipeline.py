"""The pipeline: three services react to each other's completions, and a repeated event repeats nothing."""

import re
import signal
import time
from pathlib import Path

import pytest

from examples.pipeline import transcriber
from tests.command_line import LOOK_EVERY_S, PATIENCE_S, running, toolwire
from tests.examples.conftest import Dev
from tests.examples.programs import PYTHON_M

pytestmark = pytest.mark.timeout(120)  # a dozen processes, each with a start of its own

STEP = re.compile(r"^(\w+) (\S+) is done: (\w+) (\S+)$", re.MULTILINE)


def prepare(folder: Path) -> None:
    """Type what the example says about keys."""
    for command in re.findall(r"toolwire (keys new .*?)(?:  |\n)", transcriber.__doc__ or ""):
        assert toolwire(*command.split(), folder=folder).code == 0


def published(folder: Path, lines: int) -> list[str]:
    """Wait until there are so many lines."""
    file = folder / "published.txt"
    until = time.monotonic() + PATIENCE_S
    while not file.exists() or len(file.read_text().splitlines()) < lines:
        assert time.monotonic() < until, "nothing was published"
        time.sleep(LOOK_EVERY_S)
    return file.read_text().splitlines()


def submit(title: str, folder: Path) -> None:
    assert toolwire("submit", "transcribe", f"title={title}", folder=folder).code == 0


@pytest.mark.promise("P4")
def test_a_talk_is_published_once_whatever_dies(
    dev: Dev, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first summariser is killed after it submitted its step, before the broker knows."""
    monkeypatch.setenv("TOOLWIRE_LEASE_S", "1")  # what a dead replica held is soon taken over
    with dev("examples.pipeline.transcriber:service"):
        prepare(tmp_path)
        dying = ("tests.examples.dies_before_ack", "examples.pipeline.summariser")
        with (
            running("examples.pipeline.publisher", folder=tmp_path, command=PYTHON_M) as publisher,
            running(*dying, folder=tmp_path, command=PYTHON_M) as first,
        ):
            # A watch keeps what is told from its first start on.
            first.wait_for("summariser is ready")
            publisher.wait_for("publisher is ready")
            submit("Ten promises", tmp_path)
            assert first.ended() == -signal.SIGKILL
            with running("examples.pipeline.summariser", folder=tmp_path, command=PYTHON_M) as second:
                assert published(tmp_path, 1) == ["Ten promises: This talk is about ten promises."]
                submit("Leases", tmp_path)
                assert published(tmp_path, 2)[1:] == ["Leases: This talk is about leases."]
                before, again, _ = STEP.findall(first.text) + STEP.findall(second.text)
            assert before == again, "the same event leads to the same job"
            assert len(STEP.findall(publisher.text)) == 2
