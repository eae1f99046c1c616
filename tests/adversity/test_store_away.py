"""The store is away for several leases while healthy jobs run on two replicas: none is taken over or lost."""

import pytest

from tests.adversity.outages import jobs_outlive, locked, silenced
from tests.adversity.tcp_proxy import TcpProxy
from tests.adversity.windows import LEASE_S, Scene, see_through
from tests.stage import Stage

pytestmark = pytest.mark.timeout(180)  # many windows share it, and a busy machine

AWAY_S = 7.0


@pytest.mark.promise("P7", "P8")
async def test_healthy_jobs_outlive_a_store_that_is_away(stage: Stage, postgres_url: str) -> None:
    """An SQLite file that somebody keeps locked and, at the same time, a PostgreSQL that says nothing."""
    file = stage.home.store_file

    async def through(store: str, scene: Scene) -> None:
        async with TcpProxy(postgres_url) as proxy:
            is_file = store == "sqlite"
            given = {"store": f"sqlite:///{file}" if is_file else proxy.url, "job_slots": 2}
            async with scene.replica(**given), scene.replica(**given):
                await jobs_outlive(
                    lambda: locked(file) if is_file else silenced(proxy),
                    scene.client,
                    scene.diary,
                    lease_s=LEASE_S,
                    away_s=AWAY_S,
                )

    await see_through(["sqlite", "postgresql"], through, stage, postgres_url)
