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

from tests.unit.telemetry.looking import SERVER, SOON, Gate, bench_for, figures, get, is_ready, page
from tests.waiting import wait_until, wait_until_told
from toolwire.client.home import Home
from toolwire.contracts.errors import ConfigurationError
from toolwire.services import Service
from toolwire.services.telemetry import server
from toolwire.services.telemetry.address import HttpAddress
from toolwire.services.telemetry.pages import STARTING, STUCK, Pages
from toolwire.services.telemetry.server import MOST_PEERS, HttpServer, Page
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


async def test_it_is_ready_from_its_start_until_it_drains(tmp_path: Path) -> None:
    """With or without pages: they and the replica say the same."""
    replica = bench_for(Gate(), tmp_path, http=None).replica()
    said = [replica.ready]
    async with replica:
        said.append(replica.ready)
    said.append(replica.ready)
    assert said == [False, True, False]


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
        await wait_until_told(lambda: is_ready(replica), SOON, "the store answers again")


def ruin(store: Path) -> None:
    """Leave nothing of a store on SQLite but its first page."""
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 7")  # nobody trusts the pages that they remember
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [[size]] = connection.execute("PRAGMA page_size")
    with store.open("r+b") as file:
        file.seek(size)
        file.write(b"\xff" * (store.stat().st_size - size))


async def test_a_store_that_is_broken_is_told_and_figures_without_it_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Only a store that is away comes back by itself: of this one the log has more to say."""
    async with bench_for(Gate(), tmp_path).running() as replica:
        ruin(Home(tmp_path).store_file)
        answer, told = await page(replica, "/readyz"), await figures(replica)
        alive = await page(replica, "/healthz")
    assert answer.status == 503
    assert answer.json()["checks"]["store"] == {"ok": False, "detail": "the store is broken"}
    assert alive.status == 200
    assert "toolwire_call_places" in told
    messages = [record.getMessage() for record in caplog.records]
    assert "the store is broken: asking it failed" in messages
    assert "the store is broken: counting in it failed" in messages


async def test_a_page_that_breaks_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    def broken(path: str, accept: str) -> Page:
        raise RuntimeError(path + accept)

    with HttpServer(HttpAddress("127.0.0.1", 0), broken) as opened:
        got = await asyncio.to_thread(get, f"http://{opened.address}/readyz")
    assert (got.status, got.body) == (500, "the page broke: the log says how\n")
    assert "an HTTP page broke" in caplog.text


@pytest.mark.parametrize("accept", ["text/plain;version=abc", "application/openmetrics-text;version=1..0"])
async def test_a_reader_who_accepts_nonsense_gets_plain_figures(tmp_path: Path, accept: str) -> None:
    async with bench_for(Gate(), tmp_path).running() as replica:
        got = await page(replica, "/metrics", Accept=accept)
    assert got.status == 200
    assert got.content_type.startswith("text/plain; version=0.0.4")
    assert got.figures()["toolwire_ready"] == 1


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
        await wait_until_told(lambda: is_ready(replica), SOON, "there are places again")


async def dawdle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"G")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_peer_that_dawdles_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is no reason to keep a place."""
    monkeypatch.setattr(server, "CONNECTION_S", 0.2)
    async with bench_for(Gate(), tmp_path).running() as replica:
        assert replica.http is not None
        _, writer = await asyncio.open_connection(*replica.http)
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(dawdle(writer), SOON)
        writer.close()


@pytest.mark.parametrize("http", ["9464", "localhost", "127.0.0.1:", ":9464", "127.0.0.1:65536", "h:1:x"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, http: str) -> None:
    with pytest.raises(ConfigurationError, match=r"the setting 'http' is wrong: .*HOST:PORT"):
        bench_for(Gate(), tmp_path, http=http)


async def test_it_listens_on_ipv6(tmp_path: Path) -> None:
    async with bench_for(Gate(), tmp_path, http="[::1]:0").running() as replica:
        assert str(replica.http).startswith("[::1]:")
        assert (await page(replica, "/healthz")).status == 200
