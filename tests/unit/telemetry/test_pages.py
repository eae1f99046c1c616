"""`/healthz` and `/readyz`: what they say of a replica that starts, works, is stuck, or stops."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from tests.unit.telemetry.looking import SERVER, SOON, Gate, bench_for, get, page
from tests.waiting import wait_until
from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.services import Replica, Service
from toolwire.services.telemetry.pages import STARTING, STUCK, Pages
from toolwire.services.telemetry.server import MOST_PEERS
from toolwire.testing.bench import Bench
from toolwire.testing.memory import MemoryBroker

FINE = {"ok": True}


async def test_a_replica_at_work_is_alive_and_ready(tmp_path: Path) -> None:
    async with bench_for(Gate(), tmp_path).running() as replica:
        alive, ready = await page(replica, "/healthz"), await page(replica, "/readyz")
    assert (alive.status, ready.status) == (200, 200)
    assert alive.content_type == ready.content_type == "application/json"
    assert alive.json() == {"ok": True, "replica": replica.name, "checks": {"event_loop": FINE}}
    checks = {"publishing": FINE, "consuming": FINE, "store": FINE, "serving": FINE}
    assert ready.json() == {"ok": True, "replica": replica.name, "checks": checks}


async def test_it_has_no_pages_unless_they_are_asked_for(tmp_path: Path) -> None:
    async with bench_for(Gate(), tmp_path, http=None).running() as replica:
        assert replica.http is None
        assert not [each for each in threading.enumerate() if each.name == "toolwire-http"]


async def test_while_it_starts_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    """A service that takes long to open what its tools share is not to be restarted for it."""
    gate = Gate()

    @asynccontextmanager
    async def open_slowly() -> AsyncGenerator[None]:
        await gate.passed()
        yield

    bench = Bench(Service(SERVER, lifespan=open_slowly), tmp_path, MemoryBroker(), http="127.0.0.1:0")
    replica = bench.replica()
    starting = asyncio.ensure_future(replica.__aenter__())
    await gate.reached.wait()
    assert (await page(replica, "/healthz")).status == 200
    ready = await page(replica, "/readyz")
    assert (ready.status, ready.json()["checks"]) == (503, {"serving": {"ok": False, "detail": STARTING}})
    assert (await page(replica, "/metrics")).figures().keys() >= {"process_start_time_seconds"}
    gate.opened.set()
    await starting
    assert (await page(replica, "/readyz")).status == 200
    await replica.__aexit__(None, None, None)


async def test_while_it_drains_it_is_alive_and_not_ready(tmp_path: Path) -> None:
    gate = Gate()
    bench = bench_for(gate, tmp_path, grace_s=SOON)
    async with bench.client() as client:
        replica = bench.replica()
        await replica.__aenter__()
        await client.submit("hold")
        await gate.reached.wait()
        stopping = asyncio.ensure_future(replica.__aexit__(None, None, None))
        await wait_until(lambda: not replica.ready, SOON, "it drains")
        assert (await page(replica, "/healthz")).status == 200
        ready = await page(replica, "/readyz")
        assert ready.status == 503
        wrong = [name for name, check in ready.json()["checks"].items() if not check["ok"]]
        assert set(wrong) == {"consuming", "serving"}
        gate.opened.set()
        await stopping
    with pytest.raises(OSError, match="refused"):
        get(f"http://{replica.http}/healthz")


@contextmanager
def held(store: Path) -> Generator[None]:
    """Keep everybody else from a store on SQLite."""
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


async def test_a_store_that_does_not_answer_is_told(tmp_path: Path) -> None:
    bench = bench_for(Gate(), tmp_path)
    async with bench.running() as replica:
        with held(Home(tmp_path).store_file):
            ready = await page(replica, "/readyz")
        assert ready.status == 503
        assert ready.json()["checks"]["store"] == {
            "ok": False,
            "detail": "the store did not answer within 1 s",
        }
        async with asyncio.timeout(SOON):
            while (await page(replica, "/readyz")).status != 200:
                pass


async def test_an_event_loop_that_is_blocked_is_not_alive(tmp_path: Path) -> None:
    """It is told from outside the loop, by whoever asks while a tool blocks."""
    bench = bench_for(Gate(), tmp_path)
    async with bench.running() as replica:
        answers: list[int] = []

        def ask(path: str) -> None:
            answers.append(get(f"http://{replica.http}{path}").status)

        paths = ("/healthz", "/readyz", "/metrics")
        asking = [threading.Thread(target=ask, args=(path,)) for path in paths]
        for each in asking:
            each.start()
        for each in asking:
            each.join()  # blocks the loop, as a bad tool would
        assert sorted(answers) == [200, 503, 503], "only figures need no event loop"
        assert (await page(replica, "/healthz")).status == 200


def test_a_loop_that_is_gone_is_not_alive() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    got = Pages("replica-1", loop).answer("/healthz", "")
    assert got.status == 503
    assert STUCK.encode() in got.body


async def test_another_path_says_which_there_are(tmp_path: Path) -> None:
    async with bench_for(Gate(), tmp_path).running() as replica:
        got = await page(replica, "/")
        assert (got.status, got.body) == (404, "there is /healthz, /readyz, /metrics\n")
        url = f"http://{replica.http}/healthz"
        head = await asyncio.to_thread(get, url + "?verbose", "HEAD")
        assert (head.status, head.body) == (200, "")
        assert (await asyncio.to_thread(get, url, "POST")).status == 501


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    bench = bench_for(Gate(), tmp_path / "one")
    async with bench.running() as replica:
        other = bench_for(Gate(), tmp_path / "other", http=str(replica.http))
        with pytest.raises(ConfigurationError, match=f"nothing can listen on {replica.http}"):
            await other.replica().__aenter__()


async def test_a_peer_that_says_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with bench_for(Gate(), tmp_path).running() as replica:
        assert replica.http is not None
        _, silent = await asyncio.open_connection(*replica.http)
        began = time.monotonic()
        assert (await page(replica, "/healthz")).status == 200
        silent.close()
        await silent.wait_closed()
    assert time.monotonic() - began < SOON


async def test_peers_that_say_nothing_cost_a_bounded_number_of_threads(tmp_path: Path) -> None:
    async with bench_for(Gate(), tmp_path).running() as replica:
        assert replica.http is not None
        silent = [await asyncio.open_connection(*replica.http) for _ in range(MOST_PEERS)]
        reader, one_more = await asyncio.open_connection(*replica.http)
        assert await reader.read() == b"", "it is hung up on"
        for _, writer in [*silent, (reader, one_more)]:
            writer.close()
        async with asyncio.timeout(SOON):
            while not await answers(replica):
                pass


async def answers(replica: Replica) -> bool:
    try:
        return (await page(replica, "/healthz")).status == 200
    except OSError:
        return False


@pytest.mark.parametrize("http", ["9464", "localhost", "127.0.0.1:", ":9464", "127.0.0.1:65536", "h:1:x"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, http: str) -> None:
    with pytest.raises(ConfigurationError, match=r"the setting 'http' is wrong: .*HOST:PORT"):
        bench_for(Gate(), tmp_path, http=http)


async def test_it_listens_on_ipv6(tmp_path: Path) -> None:
    async with bench_for(Gate(), tmp_path, http="[::1]:0").running() as replica:
        assert str(replica.http).startswith("[::1]:")
        assert (await page(replica, "/healthz")).status == 200
