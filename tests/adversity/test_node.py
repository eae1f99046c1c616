"""A private node survives its own death with what was confirmed, and no program leaves one behind."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.adversity.young_queues import is_written_down
from tests.waiting import wait_until
from toolwire.broker import topology
from toolwire.broker.node import NodeError, PrivateNode
from toolwire.broker.publish import Outgoing, Publisher

CALLS = topology.call_queue("server-1")
START_AND_WAIT = """
import sys, time
from pathlib import Path
from toolwire.broker.node import PrivateNode
node = PrivateNode(Path(sys.argv[1]))
node.start()
print(node.url, flush=True)
time.sleep(600)
"""

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(PrivateNode.installed() is None, reason="a private node needs an installed RabbitMQ"),
]


@pytest.fixture
def orphan(tmp_path: Path) -> str:
    """Leave a node behind as a killed program does, and give its URL."""
    with subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, tmp_path], stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        url = program.stdout.readline().decode().strip()
        with pytest.raises(NodeError, match="in use by another program"):
            PrivateNode(tmp_path).start()
        program.kill()
    return url


@pytest.mark.promise("P8")
async def test_a_node_is_reaped_killed_and_started_again(orphan: str, tmp_path: Path) -> None:
    """In one test, because every start takes seconds."""
    request = Outgoing(topology.request_route("server-1", "add"), b"{}", "request", "message-1")
    before = dict(os.environ)
    with PrivateNode(tmp_path) as node:
        async with Publisher([orphan], name="test") as publisher:
            assert not publisher.connected, "the orphan is gone"
        async with Publisher([node.url], name="test", declare=[CALLS]) as publisher:
            await publisher.publish(request, timeout=20)
            await wait_until(partial(is_written_down, tmp_path, CALLS.name), 15, "the queue is registered")
            node.kill()
            node.start()
            await publisher.publish(request, timeout=20)
            assert await publisher.consumers(CALLS.name) == 0
    assert dict(os.environ) == before
    assert not (tmp_path / "data").exists()
    assert programs_that_name(tmp_path) == ""


def programs_that_name(folder: Path) -> str:
    listed = subprocess.run(["ps", "-ww", "-eo", "args="], capture_output=True, text=True, check=True)  # noqa: S607
    return "\n".join(line for line in listed.stdout.splitlines() if str(folder) in line)
