"""What is wrong with a client or a call is told before anything is sent."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import toolwire.client
from toolwire.broker.delivery import Delivery
from toolwire.client import Client, ConfigurationError, UsageError
from toolwire.client.home import Home
from toolwire.client.ledger import Ledger
from toolwire.client.replies import Replies
from toolwire.contracts import errors
from toolwire.contracts.keys import Keyring
from toolwire.contracts.lines import CONTENT_TYPE
from toolwire.services.homes.provision import add_client, add_server, create_home

BROKER = "amqp://127.0.0.1:1/"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that the settings know."""
    home = create_home(tmp_path / "home")
    add_server(home, "server-1")
    add_client(home, "client-1")
    monkeypatch.setenv("TOOLWIRE_HOME", str(home.path))
    monkeypatch.chdir(tmp_path)
    return home


@pytest.fixture
def client(home: Home) -> Client:
    return Client("client-1", server="server-1", broker=BROKER, home=home.path)


# --- making a client ---


@pytest.mark.usefixtures("home")
def test_what_is_not_given_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLWIRE_CLIENT", "client-1")
    monkeypatch.setenv("TOOLWIRE_BROKER_URL", BROKER)
    assert Client().client_id == "client-1"


@pytest.mark.usefixtures("home")
def test_a_client_without_a_name_of_its_own_has_a_fresh_instance() -> None:
    one, other = Client("client-1", broker=BROKER), Client("client-1", broker=BROKER)
    assert one.instance != other.instance
    assert Client("client-1", broker=BROKER, instance="desk-1").instance == "desk-1"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Client(broker=BROKER), "who asks"),
        (lambda: Client("client-1"), "no broker is named"),
        (lambda: Client("client-1", broker=BROKER, instance="no spaces"), "instance"),
        (lambda: Client("client-2", broker=BROKER, server="server-1"), "lists no client"),
        (lambda: Client("client-1", broker=BROKER, server="server-1", key="other.1"), "lists no key"),
        (lambda: Client("client-1", broker=BROKER, home="nowhere"), r"there is no home at .*nowhere"),
    ],
)
def test_what_a_client_lacks_is_told_when_it_is_made(make: Callable[[], Client], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        make()


# --- asking wrongly ---


Ask = Callable[[Any], Awaitable[object]]
"""Asks a client for what its types forbid."""

WRONG: list[tuple[Ask, str]] = [
    (lambda client: client.call("no spaces"), "must match"),
    (lambda client: client.call(len, a=1), "is no tool: decorate it"),
    (lambda client: client.call("add", {"a": 1}, timeout=5), r"options\(timeout=5\)"),
    (lambda client: client.call("add", a=1), "one mapping or model"),
    (lambda client: client.call("add", {}, {}), "one mapping or model"),
    (lambda client: client.call("add", [1]), "by name"),
    (lambda client: client.submit("add", {"a": object()}), "cannot be sent as JSON"),
    (lambda client: client.call("add", {"a": 1}), "async with"),
    (lambda client: client.server_identity(), "async with"),
    (lambda client: client.list_jobs(), "async with"),
    (lambda client: client.job("job-1").poll(), "async with"),
]


@pytest.mark.parametrize(("ask", "complaint"), WRONG)
async def test_a_wrong_question_is_not_sent(client: Client, ask: Ask, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        await ask(client)


def test_a_job_id_is_checked(client: Client) -> None:
    with pytest.raises(UsageError, match="job id"):
        client.job("no spaces")


@pytest.mark.usefixtures("home")
async def test_a_server_has_to_be_named_somewhere() -> None:
    with pytest.raises(UsageError, match="no server is named"):
        await Client("client-1", broker=BROKER).call("add")


# --- what arrives broken ---


@pytest.mark.promise("P9")
def test_every_line_and_every_message_is_dropped_on_its_own() -> None:
    ledger = Ledger()
    replies = Replies(ledger, Keyring([]), "client-1")
    for delivery in (
        Delivery(b"", None, False, "tw.replies", "", malformed="content_type: not UTF-8"),
        Delivery(b"{}", None, False, "tw.replies", "client-1.x", content_type="text/plain"),
        Delivery(b"{}\n{}", "response", False, "tw.replies", "client-1.x", content_type=CONTENT_TYPE),
    ):
        replies.receive(delivery)
    assert ledger.dropped == {"malformed_properties": 1, "bad_content_type": 1, "bad_envelope": 2}


class Noting:
    """A receipt that notes when its delivery is acked."""

    def __init__(self, name: str, acked: list[str]) -> None:
        self._name = name
        self._acked = acked

    async def ack(self) -> bool:
        self._acked.append(self._name)
        return True

    async def reject(self, *, requeue: bool) -> bool:
        raise AssertionError(requeue)


async def test_every_message_of_a_named_instance_is_acked_whatever_is_in_it() -> None:
    acked: list[str] = []
    async with Replies(Ledger(), Keyring([]), "client-1") as replies:
        for name in ("one", "two"):
            replies.receive(Delivery(b"{}", None, False, "tw.replies", "", receipt=Noting(name, acked)))
        await asyncio.sleep(0)
        replies.receive(Delivery(b"", None, False, "tw.replies", "", receipt=Noting("three", acked)))
        replies.receive(Delivery(b"{}", None, False, "tw.replies", "client-1.x"))
    assert acked == ["one", "two", "three"]


# --- what is exported ---


def test_every_error_that_a_client_raises_is_exported() -> None:
    not_for_clients = {"ToolError", "Unverified"}
    tree = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.ToolwireError)
    }
    exported = {name for name in toolwire.client.__all__ if hasattr(errors, name)}
    assert exported == tree - not_for_clients


def test_what_is_exported_is_there_once() -> None:
    assert len(set(toolwire.client.__all__)) == len(toolwire.client.__all__)
    assert all(hasattr(toolwire.client, name) for name in toolwire.client.__all__)
