"""Tools that compute, in processes, beside a replica that has its connections and leases to look after."""

import time
from pathlib import Path

import pytest

from tests.unit.services import heavy
from tests.waiting import wait_until
from toolwire.broker.transport import AmqpTransport
from toolwire.client import JobCancelled
from toolwire.contracts.jobs import Status
from toolwire.testing.bench import Bench

PATIENCE_S = 40.0


def is_there(pid: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    return Path("/proc", str(pid)).exists()


async def test_jobs_that_compute_hold_up_nobody_and_can_be_cancelled(vhost_url: str, tmp_path: Path) -> None:
    """They compute for longer than two leases."""
    bench = Bench(heavy.service, tmp_path, AmqpTransport([vhost_url]), timeout=PATIENCE_S)
    async with bench.running(), bench.client() as client:
        jobs = [await client.submit("burn", {"folder": str(tmp_path)}) for _ in range(2)]
        enough = time.monotonic() + 2.5 * bench.settings.lease_s
        while time.monotonic() < enough:
            assert await client.call("ping") == "pong"
        assert [(await job.poll()).status for job in jobs] == [Status.RUNNING] * 2
        (tmp_path / "enough").touch()
        assert [await job.result(timeout=PATIENCE_S) for job in jobs] == [1, 1]

        stays = await client.submit("stay_once", {"folder": str(tmp_path)})
        await wait_until((tmp_path / "first").exists, PATIENCE_S, "the tool to begin")
        await stays.cancel()
        with pytest.raises(JobCancelled):
            await stays.result(timeout=PATIENCE_S)
        assert not is_there(int((tmp_path / "first").read_text()))
