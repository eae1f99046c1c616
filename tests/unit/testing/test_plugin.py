"""The pytest plugin where no broker is needed: its manners, and what it says when something is missing."""

from pathlib import Path

import pytest

from tests.pytest_project import run_pytest

IN_MEMORY = """
from app import add, service
from toolwire.testing import in_memory


async def test_add():
    async with in_memory(service) as client:
        assert await client.call(add, a=1, b=2) == 3
"""

WITHOUT_MARKER = """
import pytest


def test_nothing_of_ours():
    pass


@pytest.mark.asyncio
async def test_add(toolwire_client):
    pass
"""

PLAIN = """
import sys


class Odd:  # as werkzeug's LocalProxy is outside a request
    def __call__(self):
        raise RuntimeError("nobody calls me")

    def __getattr__(self, name):
        raise RuntimeError("nobody asks me anything")


current_app = Odd()


def test_nothing_of_ours():
    assert "toolwire.client" not in sys.modules
"""

MARKED = """
import pytest
from app import service

pytestmark = pytest.mark.toolwire(service)


async def test_add(toolwire_client):
    pass
"""


RUN_BY_ANYIO = """
import pytest
from app import service

pytestmark = [pytest.mark.anyio, pytest.mark.toolwire(service)]


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_add(toolwire_client):
    pass
"""


def test_in_memory_needs_no_plugin_and_no_broker(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, IN_MEMORY, "-o", "asyncio_mode=auto")
    assert (ran.passed, ran.failed) == (1, 0), ran.told


def test_a_missing_marker_is_told_without_a_traceback(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, WITHOUT_MARKER)
    assert (ran.passed, ran.failed) == (1, 1), ran.told
    assert "pytestmark = pytest.mark.toolwire(service)" in ran.told
    assert "Traceback" not in ran.told
    assert "test_app.py::test_add does not say which service it is about" in ran.told


def test_the_plugin_leaves_alone_who_does_not_use_it(tmp_path: Path) -> None:
    """Not even pytest-asyncio has to be there, and nothing of Toolwire is imported."""
    ran = run_pytest(tmp_path, PLAIN, "-p", "no:asyncio")
    assert (ran.passed, ran.failed) == (1, 0), ran.told


@pytest.mark.parametrize("tests", ["def test_add(toolwire_client):\n    pass\n", MARKED])
def test_without_pytest_asyncio_the_fixtures_say_so(tmp_path: Path, tests: str) -> None:
    missing = "import sys\nsys.modules['pytest_asyncio'] = None\n"
    (tmp_path / "without.py").write_text(missing, encoding="utf-8")
    ran = run_pytest(tmp_path, tests, "-p", "without", "-p", "no:asyncio", PYTHONPATH=str(tmp_path))
    assert (ran.passed, ran.failed) == (0, 1), ran.told
    assert "pip install 'toolwire[testing]'" in ran.told


@pytest.mark.parametrize(
    ("tests", "mode"), [(RUN_BY_ANYIO, "strict"), (MARKED, "auto")], ids=["marked", "automatic"]
)
def test_a_test_that_anyio_runs_is_told_so_at_once(tmp_path: Path, tests: str, mode: str) -> None:
    """Where no broker can be had, this comes before it."""
    ran = run_pytest(tmp_path, tests, "-o", f"anyio_mode={mode}", TOOLWIRE_TEST_BROKER="url")
    assert (ran.passed, bool(ran.failed)) == (0, True), ran.told
    assert "anyio's plugin runs test_app.py::test_add" in ran.told
    assert "no RabbitMQ to be had" not in ran.told


def test_without_a_broker_the_fixtures_say_what_was_looked_for(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path, MARKED, TOOLWIRE_TEST_BROKER="url")
    assert (ran.passed, ran.failed) == (0, 1), ran.told
    assert "no RabbitMQ to be had: TOOLWIRE_BROKER_URL is not set" in ran.told


def test_the_fixtures_are_listed(tmp_path: Path) -> None:
    told = run_pytest(tmp_path, PLAIN, "--fixtures").told
    assert all(f"toolwire_{name}" in told for name in ("broker", "bench", "service", "client"))
