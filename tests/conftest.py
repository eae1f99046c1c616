"""What tests get: the broker, a virtual host of their own, a clean environment, and a guard against leaks."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from toolwire.testing.brokers import Broker, Kind
    from toolwire.testing.databases import Postgres

NEEDS_BROKER = ("broker", "adversity", "tutorial", "examples")
CONSUMER_TIMEOUT_S = "15"
GIVEN = dict(os.environ)  # a server may be asked for when a test's environment is clean already
SETTLE_WITHIN = 1.0  # seconds that a task which is ending already may take to end

TESTS = Path(__file__).parent
SERVERS = pytest.StashKey[set[str]]()


# --- which tests need a broker or a database ---


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that need a broker, by their folder, and a PostgreSQL, by its fixture.

    The others run first: they tell sooner. Those of tests/conformance, and those of every store, run on
    several sides: there the parameter carries the marker. In the processes of pytest-xdist the others come
    last: many short modules, so that none of the processes is left alone with a long one.
    """
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in NEEDS_BROKER:
            item.add_marker("broker")
        if "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")
    items.sort(
        key=lambda item: [item.get_closest_marker(name) is not None for name in ("broker", "postgres")],
        reverse=hasattr(config, "workerinput"),  # which keeps the order of those that are alike
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which broker and which database the tests ran on."""
    told: set[str] = config.stash.setdefault(SERVERS, set())
    for server in sorted(told):
        terminalreporter.write_line(server)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a process of pytest-xdist ran its part of the tests on."""
    told: list[str] = getattr(node, "workeroutput", {}).get("servers", [])
    node.config.stash.setdefault(SERVERS, set()).update(told)


def note_server(config: pytest.Config, what: str) -> None:
    """Have it said at the end of the run what the tests ran on."""
    told = config.stash.setdefault(SERVERS, set())
    told.add(what)
    getattr(config, "workeroutput", {})["servers"] = sorted(told)  # for the one that started this process


# --- the broker ---


@pytest.fixture(scope="session")
def broker(pytestconfig: pytest.Config) -> Iterator[Broker]:
    """Run one broker for the whole run, or for each process of pytest-xdist.

    Without one every test that needs it fails; none is skipped. Its consumers may hold a message for fifteen
    seconds instead of half an hour, so that a replica that holds one for longer shows in any test;
    TOOLWIRE_TEST_CONSUMER_TIMEOUT_S is another number.
    """
    # Imported here: `make unit` needs no broker, and starts sooner without what finds one.
    from toolwire.testing.brokers import running_broker
    from toolwire.testing.find_broker import FOR_TESTS, find_broker

    kind: Kind = find_broker(FOR_TESTS)
    timeout_s = float(os.environ.get("TOOLWIRE_TEST_CONSUMER_TIMEOUT_S") or CONSUMER_TIMEOUT_S)
    with running_broker(kind, consumer_timeout_s=timeout_s) as running:
        note_server(pytestconfig, f"broker: {running}")
        yield running


@pytest.fixture
def broker_url(broker: Broker) -> str:
    """Return the URL of the broker's own virtual host, which all tests share."""
    return broker.url


@pytest.fixture
def vhost_url(broker: Broker) -> Iterator[str]:
    """Give the URL of a virtual host that is this test's alone."""
    with broker.virtual_host() as url:
        yield url


# --- the database ---


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[Postgres]:
    """Run one PostgreSQL for the whole run, or for each process of pytest-xdist.

    Without one every test that needs it fails; none is skipped.
    """
    from toolwire.testing.databases import running_postgres
    from toolwire.testing.find_database import URL, find_postgres

    with running_postgres(find_postgres(GIVEN), GIVEN.get(URL, "")) as running:
        note_server(pytestconfig, f"database: {running}")
        yield running


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Give the URL of an empty database that is this test's alone."""
    with postgres.database() as url:
        yield url


# --- hygiene ---


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the developer's own settings, and keep what tests write out of the working folder."""
    for name in [name for name in os.environ if name.startswith("TOOLWIRE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOOLWIRE_HOME", str(tmp_path / ".toolwire"))


@pytest.fixture(autouse=True)
def leak_guard(request: pytest.FixtureRequest) -> None:
    """Watch every async test: it fails when it leaves tasks behind or an exception that nobody looked at."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("nothing_left_behind")


@pytest_asyncio.fixture
async def nothing_left_behind() -> AsyncIterator[None]:
    """Fail a test that leaves pending tasks or unhandled exceptions in its event loop."""
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unhandled.append(context))
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=SETTLE_WITHIN)
    gc.collect(1)  # an exception that nobody retrieved is reported when its task is collected
    assert not left, f"the test left tasks behind: {left}"
    assert not unhandled, f"the event loop met exceptions that nobody handled: {unhandled}"
