"""What the end-to-end tests stand on: a home with keys, replicas here or in processes, clients."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from tests.served import SERVER, Diary, Made, bake, service
from tests.waiting import wait_until
from toolwire.broker.consume import Consumer, Subscription
from toolwire.broker.topology import EVENTS, Binding, Queue
from toolwire.client import Client, Job, JobSnapshot
from toolwire.client.clock import now_ms
from toolwire.client.home import Home
from toolwire.contracts.envelopes import Event
from toolwire.contracts.sealing import unseal
from toolwire.services import Replica
from toolwire.services.homes.provision import add_client, add_server, create_home

CLIENTS = ("client-001", "client-002")
HMAC_CLIENT = "client-hmac"
LEASE_S = 1.0
GRACE_S = 5.0
PATIENCE_S = 15.0
"""How long a test waits for what should happen at once; two busy cores may take their time."""

ROOT = Path(__file__).parent.parent


class ReplicaProcess:
    """A replica that can be killed: `python -m tests.replica_process`."""

    def __init__(self, process: asyncio.subprocess.Process, store: Path) -> None:
        self._process = process
        self._store = store

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    async def kill(self) -> None:
        """End it without a warning (SIGKILL)."""
        self._process.kill()
        await self._process.wait()

    def terminate(self) -> None:
        """Ask it to drain (SIGTERM)."""
        self._process.terminate()

    def freeze(self) -> None:
        """Stop it where it is (SIGSTOP), but not in the middle of a transaction.

        With SQLite that would stop everybody else's, too, until it goes on: there is one lock for the file.
        """
        while True:
            self._process.send_signal(signal.SIGSTOP)
            os.waitpid(self._process.pid, os.WUNTRACED)
            if self._store_is_free():
                return
            self.thaw()

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        return await asyncio.wait_for(self._process.wait(), PATIENCE_S)

    def _store_is_free(self) -> bool:
        with closing(sqlite3.connect(self._store, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True


@dataclass(frozen=True, slots=True)
class Stage:
    """One virtual host, one home, one store."""

    url: str
    home: Home

    @property
    def diary(self) -> Diary:
        """What the tools wrote down, and the gates that they wait at."""
        return Diary(self.home.path)

    async def noted(self, line: str, times: int = 1) -> None:
        """Wait until a tool has written that line down."""
        await wait_until(
            lambda: self.diary.lines().count(line) >= times,
            PATIENCE_S,
            f"{times} times {line!r} in the diary",
        )

    def replica(self, **given: Any) -> Replica:
        """A replica in this process, to be entered; `given` are fields of `ServiceSettings`."""
        return service.running(**{**self._settings(), **given})

    @asynccontextmanager
    async def replicas(self, count: int) -> AsyncGenerator[list[Replica]]:
        """That many replicas in this process, which share the store."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.replica()) for _ in range(count)]

    @asynccontextmanager
    async def process(self, **given: Any) -> AsyncGenerator[ReplicaProcess]:
        """A replica in a process of its own, ready; killed at the end of the block unless it has ended."""
        settings = {**self._settings(), **given}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.replica_process"),
            cwd=ROOT,
            env=os.environ | {f"TOOLWIRE_{name.upper()}": str(value) for name, value in settings.items()},
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            name = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
            assert name, "the replica ended at its start; stderr says why"
            yield ReplicaProcess(process, self.home.store_file)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def freezable(self, **given: Any) -> AbstractAsyncContextManager[ReplicaProcess]:
        """The same, with heartbeats so quick that the broker soon gives what it holds to another one."""
        return self.process(broker_url=quick(self.url), **given)

    def client(self, client_id: str = CLIENTS[0], **given: Any) -> Client:
        """A client of the service, to be entered; `given` are further parameters of `Client`."""
        known: dict[str, Any] = {"server": SERVER, "broker": self.url, "home": self.home.path}
        known["timeout"] = PATIENCE_S
        return Client(client_id, **known | given)

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[Callable[[], Awaitable[Event]]]:
        """A watcher of all events, who trusts public keys alone. What it gives waits for the next one."""
        lines: asyncio.Queue[bytes] = asyncio.Queue()
        queue = Queue("watcher", bindings=(Binding(EVENTS, "#"),), durable=False, exclusive=True)
        pinned = self.home.server_keys("nobody")

        async def heard() -> Event:
            return unseal(await asyncio.wait_for(lines.get(), PATIENCE_S), pinned, Event, now_ms())

        subscription = Subscription(lambda: queue, 0, lambda delivery: lines.put_nowait(delivery.body))
        async with Consumer([self.url], name="watcher", subscriptions=[subscription]) as consumer:
            await consumer.wait_ready(PATIENCE_S)
            yield heard

    def limit(self, client_id: str, **limits: Any) -> None:
        """Write limits into a client's entry of the registry, such as `max_ttl_s=5`."""
        registry = tomlkit.parse(self.home.registry_file.read_text())
        registry["clients"][client_id].update(limits)
        self.home.registry_file.write_text(tomlkit.dumps(registry))

    def _settings(self) -> dict[str, Any]:
        return {"home": self.home.path, "broker_url": self.url, "lease_s": LEASE_S, "grace_s": GRACE_S}


async def more_of(done: list[str], count: int, loading: asyncio.Future[Any]) -> None:
    """Wait until the load has got so much more done. Raises what the load raised, if it broke."""
    enough = len(done) + count
    await wait_until(lambda: loading.done() or len(done) >= enough, 2 * PATIENCE_S, f"{count} more calls")
    if loading.done():
        await loading


@asynccontextmanager
async def at_the_gate(stage: Stage, client: Client) -> AsyncGenerator[tuple[Job[Made], JobSnapshot]]:
    """A job that waits at the gate, and what was told of it then. The end of the block lets it through."""
    job = await client.submit(bake, "gate", {"task": "demo"})
    yield job, await progress_of(job)
    stage.diary.open("gate")


async def progress_of(job: Job[object], attempt: int = 1) -> JobSnapshot:
    """Wait until that attempt has told its progress. What it said is how the job stands, while it waits."""
    async for event in job.events():
        if event.snapshot.attempt == attempt and event.snapshot.progress is not None:
            return event.snapshot
    raise AssertionError(f"the job ended before attempt {attempt} told anything")


def quick(url: str) -> str:
    """The broker's URL with a heartbeat of one second: a silent peer is noticed in two or three."""
    return f"{url}?heartbeat=1"


def new_stage(url: str) -> Stage:
    """A stage on that broker, with its home in TOOLWIRE_HOME."""
    home = create_home(os.environ["TOOLWIRE_HOME"])
    add_server(home, SERVER)
    for client_id in CLIENTS:
        add_client(home, client_id)
    add_client(home, HMAC_CLIENT, hmac_for=SERVER)
    return Stage(url, home)


@pytest.fixture
def stage(vhost_url: str) -> Stage:
    """A stage of this test's own."""
    return new_stage(vhost_url)
