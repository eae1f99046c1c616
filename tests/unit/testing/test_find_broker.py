"""What somebody asks for is what they get, or a sentence that says why not; nothing else is tried instead."""

import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from toolwire.testing.find_broker import FOR_TESTS, NoBroker, find_broker


@pytest.fixture
def rude_port() -> Iterator[int]:
    """Give a port that accepts a connection and hangs up, as Docker's proxy does until a broker is up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=lambda: listener.accept()[0].close())
        accepting.start()
        yield listener.getsockname()[1]
        accepting.join(timeout=5)


def test_a_kind_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLWIRE_TEST_BROKER", "docker")
    with pytest.raises(NoBroker, match="'docker'; it may be one of url, container, node"):
        find_broker(FOR_TESTS)


def test_the_url_must_be_set_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLWIRE_TEST_BROKER", "url")
    with pytest.raises(NoBroker, match="TOOLWIRE_BROKER_URL is not set"):
        find_broker(FOR_TESTS)


def test_an_open_port_is_no_broker(monkeypatch: pytest.MonkeyPatch, rude_port: int) -> None:
    monkeypatch.setenv("TOOLWIRE_BROKER_URL", f"amqp://me:secret@127.0.0.1:{rude_port}/")
    with pytest.raises(NoBroker, match=r"nothing speaks AMQP at 127\.0\.0\.1") as refusal:
        find_broker(FOR_TESTS)
    assert "secret" not in str(refusal.value)


def test_without_the_packages_for_containers_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    monkeypatch.delitem(sys.modules, "toolwire.testing.containers", raising=False)
    monkeypatch.setenv("TOOLWIRE_TEST_BROKER", "container")
    with pytest.raises(NoBroker, match=r"containers need docker: pip install 'toolwire\[testing\]'"):
        find_broker(FOR_TESTS)
