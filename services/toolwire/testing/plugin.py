"""The pytest plugin: `toolwire_broker`, `toolwire_service` and `toolwire_client`.

    import pytest
    from app import add, service

    pytestmark = pytest.mark.toolwire(service)

    async def test_add(toolwire_client):
        assert await toolwire_client.call(add, a=1, b=2) == 3

pytest loads this module into every run where Toolwire is installed, with whichever extras: it imports nothing
of Toolwire, and pytest-asyncio only if it is there, until somebody asks for a fixture.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from toolwire.client import Client
    from toolwire.services import Replica
    from toolwire.testing.bench import Bench
    from toolwire.testing.brokers import Broker

MARKER = "toolwire"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(service, *, clients, timeout, faults, **settings): the service that toolwire_service runs "
        "and toolwire_client asks, on a real RabbitMQ; the keywords are those of toolwire.testing.Bench",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, obj: object) -> None:
    """Have an async test that carries the marker run by pytest-asyncio, in its strict mode too.

    Nothing else could run it: the fixtures live in pytest-asyncio's loop.
    """
    # Every name of every test module comes by: what is no function may be anything, and is not to be touched.
    if not inspect.isfunction(obj) or not inspect.iscoroutinefunction(obj):
        return
    if not collector.config.pluginmanager.hasplugin("asyncio"):
        return  # the fixtures say what is missing
    own: list[pytest.Mark] = getattr(obj, "pytestmark", [])
    names = {mark.name for mark in (*collector.iter_markers(), *own)}
    if MARKER in names and "asyncio" not in names:
        pytest.mark.asyncio(obj)


def async_fixture(function: Callable[..., Any]) -> Any:
    """`pytest_asyncio.fixture`; without pytest-asyncio a fixture that says what is missing."""
    try:
        from pytest_asyncio import fixture
    except ImportError:

        def missing() -> NoReturn:
            pytest.fail("this fixture needs pytest-asyncio: pip install 'toolwire[testing]'", pytrace=False)

        return pytest.fixture(name=function.__name__)(missing)
    return fixture(function)


@pytest.fixture(scope="session")
def toolwire_broker() -> Generator["Broker"]:
    """Run one RabbitMQ for the whole run: `url`, `virtual_host()`.

    It is the one at TOOLWIRE_BROKER_URL, or else a container, or else a private node of an installed
    RabbitMQ; TOOLWIRE_TEST_BROKER chooses: url, container or node. Where none can be had, it says what is
    missing.
    """
    from toolwire.testing.brokers import running_broker
    from toolwire.testing.find_broker import FOR_TESTS, NoBroker, find_broker

    try:
        kind = find_broker(FOR_TESTS)
    except NoBroker as error:
        pytest.fail(str(error), pytrace=False)
    with running_broker(kind) as broker:
        yield broker


@pytest.fixture
def toolwire_bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator["Bench"]:
    """Give the service of the marker a home and, where that can be, a virtual host of this test's own."""
    marker = request.node.get_closest_marker(MARKER)
    if marker is None or len(marker.args) != 1:
        pytest.fail(
            f"{request.node.nodeid} does not say which service it is about: write\n\n"
            "    pytestmark = pytest.mark.toolwire(service)\n\n"
            "at the top of its module, or mark the test itself",
            pytrace=False,
        )
    if "anyio_backend" in request.fixturenames:
        pytest.fail(
            f"anyio's plugin runs {request.node.nodeid}, in another event loop than the one that Toolwire's "
            "fixtures live in: take the mark anyio off it, or set anyio_mode to strict, and pytest-asyncio "
            "runs it",
            pytrace=False,
        )
    from toolwire.broker.transport import AmqpTransport
    from toolwire.testing.bench import Bench

    broker: Broker = request.getfixturevalue("toolwire_broker")  # only now: it takes seconds to start
    with broker.virtual_host() as url:
        home = tmp_path_factory.mktemp("toolwire")
        yield Bench(marker.args[0], home, AmqpTransport([url]), **marker.kwargs)


@async_fixture
async def toolwire_service(toolwire_bench: "Bench") -> AsyncGenerator["Replica"]:
    """Run a replica of the service that the marker names, for this test."""
    if others := await toolwire_bench.others():
        pytest.fail(
            f"{others} replicas of {toolwire_bench.service.server_id!r} run on this broker already, and "
            "would take what this test asks. Stop them, or give the tests virtual hosts of their own: they "
            "make one each where the broker's user is an administrator of its management API",
            pytrace=False,
        )
    async with toolwire_bench.running() as replica:
        yield replica


@async_fixture
async def toolwire_client(
    toolwire_bench: "Bench",
    toolwire_service: "Replica",  # noqa: ARG001 - it has to run
) -> AsyncGenerator["Client"]:
    """Open a client of the service that the marker names, which runs."""
    async with toolwire_bench.client() as client:
        yield client
