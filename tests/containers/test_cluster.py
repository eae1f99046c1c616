"""Three RabbitMQ nodes: one may die at any time, and nothing that was confirmed is lost."""

import asyncio
import json
import time
import tomllib
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.containers.compose import PORTS, Compose
from tests.waiting import wait_until
from toolwire.client import Client, Job
from toolwire.contracts.jobs import Status

NODES = ("rabbitmq", "rabbitmq-2", "rabbitmq-3")
CALLERS = 8
LONGEST_PAUSE_S = 20.0
"""How long calls may stand still when a node dies: 2 to 5 s were measured, on two busy cores."""
TIMEOUT_S = 60.0


def rabbitmqctl(cluster: Compose, node: str, *words: str) -> Any:
    return json.loads(cluster("exec", "-T", node, "rabbitmqctl", "--quiet", *words, "--formatter=json"))


def test_three_nodes_become_one_cluster(cluster: Compose) -> None:
    for node in NODES:
        status = rabbitmqctl(cluster, node, "cluster_status")
        assert sorted(status["running_nodes"]) == [f"rabbit@{name}" for name in NODES]


def test_what_a_service_shares_has_a_member_on_every_node(cluster: Compose) -> None:
    queues = rabbitmqctl(cluster, "rabbitmq", "list_queues", "name", "type", "members", "exclusive")
    shared = {queue["name"]: queue for queue in queues if not queue["exclusive"]}
    assert set(shared) == {f"tw.{kind}.mcp-server-001" for kind in ("call", "job", "dead", "junk")}
    for queue in shared.values():
        assert (queue["type"], len(queue["members"])) == ("quorum", len(NODES)), queue


def test_everybody_knows_three_nodes(cluster: Compose, tmp_path: Path) -> None:
    inside = [f"{node}:5672" for node in NODES]
    outside = [f"127.0.0.1:{cluster.ports[name]}" for name in PORTS[: len(NODES)]]
    cluster("cp", "keys:/homes/client", str(tmp_path / "client"))
    served = cluster("exec", "-T", "demo", "cat", "/homes/server/toolwire.toml")
    assert addresses(served) == inside
    assert addresses((tmp_path / "client" / "toolwire.toml").read_text()) == inside
    assert addresses((tmp_path / "client" / ".toolwire" / "toolwire.toml").read_text()) == outside


def addresses(settings: str) -> list[str]:
    """Host and port of each broker in a toolwire.toml."""
    return [url.rpartition("@")[2].strip("/") for url in tomllib.loads(settings)["broker_url"]]


class Load:
    """Calls without a pause, and a job a second; what became of them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.calls = 0
        self.longest_pause = 0.0
        self.jobs: list[Job[object]] = []
        self._last = time.monotonic()

    @asynccontextmanager
    async def going(self) -> AsyncGenerator[None]:
        """While the block lasts. Raises what a call or a submission raised."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for number in range(CALLERS):
                tasks.create_task(self._call(number, stop))
            tasks.create_task(self._submit(stop))
            yield
            stop.set()

    async def more(self, calls: int) -> None:
        """Wait until so many more calls have been answered."""
        enough = self.calls + calls
        await wait_until(lambda: self.calls >= enough, 2 * TIMEOUT_S, f"{calls} more calls")

    async def _call(self, number: int, stop: asyncio.Event) -> None:
        while not stop.is_set():
            answer = await self._client.call("batch_sum", {"numbers": [number, 1]})
            assert answer == {"count": 2, "total": number + 1}
            now = time.monotonic()
            self.longest_pause = max(self.longest_pause, now - self._last)
            self._last, self.calls = now, self.calls + 1

    async def _submit(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.jobs.append(await self._client.submit("start_long_task", {"seconds": 2}))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=1)


@pytest.fixture
def mended(cluster: Compose) -> Iterator[Compose]:
    """The cluster, whose dead nodes are started again at the end."""
    yield cluster
    cluster.up()


@pytest.mark.promise("P7", "P8")
@pytest.mark.parametrize(
    ("node", "instance"), [("rabbitmq", None), ("rabbitmq-2", None), ("rabbitmq", "desk")]
)
async def test_a_node_dies_and_nothing_is_lost(
    mended: Compose, node: str, instance: str | None, tmp_path: Path
) -> None:
    """First the node that all are connected to, and that leads all queues, then the one that does so by then.

    Last the one that has the queue of a client's named instance, and nobody else has it.
    """
    home = mended.client_home(tmp_path)
    async with Client(home=home, timeout=TIMEOUT_S, instance=instance) as client:
        load = Load(client)
        async with load.going():
            await load.more(100)
            await asyncio.to_thread(mended, "kill", node)
            await load.more(500)
        await asyncio.gather(*(job.result(timeout=TIMEOUT_S) for job in load.jobs))
        listed = await client.list_jobs(statuses=[Status.DONE])
        assert {job.id for job in load.jobs} <= {job.job_id for job in listed.jobs}
    told = f"{node} died: {load.calls} calls, {len(load.jobs)} jobs, longest pause {load.longest_pause:.1f} s"
    print(told)  # noqa: T201 - a figure to read
    assert load.longest_pause < LONGEST_PAUSE_S
    assert mended.toolwire("call", "batch_sum", "numbers=[5]")["total"] == 5
