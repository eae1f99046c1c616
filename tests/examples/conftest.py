"""Examples run as a user would run them: from the clone, in processes, with what `toolwire dev` set up."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.command_line import Running, running

ROOT = Path(__file__).parents[2]

Dev = Callable[[str], AbstractContextManager[Running]]


@pytest.fixture
def dev(vhost_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dev:
    """Run `toolwire dev MODULE:ATTR` on the tests' broker: `with dev("examples.service:service"):`.

    The working folder is the test's own, so that what examples write does not lie about in the clone.
    """
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    @contextmanager
    def run(target: str) -> Generator[Running]:
        with running("dev", target, "--broker", vhost_url, folder=tmp_path) as serving:
            serving.wait_for("Ctrl-C ends it.")
            yield serving

    return run
