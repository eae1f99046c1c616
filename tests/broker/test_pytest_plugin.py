"""The pytest plugin on a real RabbitMQ: an integration test in six lines."""

import asyncio
from pathlib import Path

import pytest

from tests.pytest_project import run_pytest
from tests.served import SERVER
from tests.stage import Stage

SIX_LINES = """
import pytest
from app import add, service
pytestmark = pytest.mark.toolwire(service)
async def test_add(toolwire_client):
    assert await toolwire_client.call(add, a=1, b=2) == 3
"""

MORE = """
import pytest
from app import add, count, service
from toolwire.testing import Faults


@pytest.mark.toolwire(service, clients=["ada", "bob"])
class TestTwoClients:
    async def test_each_has_its_own_jobs(self, toolwire_bench, toolwire_client):
        job = await toolwire_client.submit(count, to=3)
        assert await job.result(timeout=15) == 3
        assert toolwire_client.client_id == "ada"
        async with toolwire_bench.client("bob") as bob:
            assert not (await bob.list_jobs()).jobs


@pytest.mark.toolwire(service, faults=Faults(crash_after=1), lease_s=0.5)
async def test_a_job_survives_a_crash(toolwire_client):
    assert await toolwire_client.call(count, to=3) == 6


@pytest.mark.toolwire(service)
async def test_the_service_is_a_replica(toolwire_service):
    assert toolwire_service.ready


def test_the_broker_is_there(toolwire_broker):
    assert toolwire_broker.url.startswith("amqp://")
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_an_integration_test_in_six_lines(tmp_path: Path, vhost_url: str, mode: str) -> None:
    ran = run_pytest(tmp_path, SIX_LINES, "-o", f"asyncio_mode={mode}", TOOLWIRE_BROKER_URL=vhost_url)
    assert (ran.passed, ran.failed) == (1, 0), ran.told


def test_the_other_fixtures_and_what_the_marker_takes(tmp_path: Path, vhost_url: str) -> None:
    ran = run_pytest(tmp_path, MORE, TOOLWIRE_BROKER_URL=vhost_url)
    assert (ran.passed, ran.failed) == (4, 0), ran.told


async def test_replicas_that_are_not_the_tests_own_are_told(tmp_path: Path, stage: Stage) -> None:
    """They would take what the tests ask, and put it aside, as they have other keys."""
    tests = SIX_LINES.replace(
        "from app import", f"from app import *; service.server_id = '{SERVER}'\nfrom app import"
    )
    async with stage.replica():
        ran = await asyncio.to_thread(run_pytest, tmp_path, tests, TOOLWIRE_BROKER_URL=stage.url)
    assert (ran.passed, ran.failed) == (0, 1), ran.told
    assert f"1 replicas of '{SERVER}' run on this broker already" in ran.told
