"""The management API as a client of it sees it: a small server of this test's stands for RabbitMQ's."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from toolwire.broker.management import Management, ManagementError
from toolwire.cli.doctor.managed import Unseen, ask


class Answers(BaseHTTPRequestHandler):
    """Answers by path; what is not listed is not there."""

    statuses: ClassVar[dict[str, int]] = {"/api/secret": 401, "/api/broken": 500}
    bodies: ClassVar[dict[str, bytes]] = {
        "/api/whoami": b'{"name": "u", "tags": "monitoring,policymaker"}',
        "/api/html": b"<html>",
        "/api/nodes": b'{"this": "is no list"}',
    }
    date: ClassVar[str] = "Sun, 06 Nov 1994 08:49:37 GMT"

    def do_GET(self) -> None:
        """Answer one request, if the password is right."""
        expected = "Basic " + base64.b64encode(b"u:p w").decode()
        known = self.path in self.bodies
        status = self.statuses.get(self.path, 200 if known else 404)
        self.send_response_only(status if self.headers["Authorization"] == expected else 401)
        self.send_header("Date", self.date)
        self.end_headers()
        self.wfile.write(self.bodies.get(self.path, b"{}"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Be quiet."""


@pytest.fixture
def api() -> Iterator[Management]:
    """The API, asked as a user whose password needs quoting."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Management(f"http://u:p%20w@127.0.0.1:{server.server_port}", timeout=5)
        server.shutdown()
        thread.join()


def test_what_is_answered_is_json(api: Management) -> None:
    assert api.request("GET", "/api/whoami")["name"] == "u"
    with pytest.raises(ManagementError, match="was answered without JSON"):
        api.request("GET", "/api/html")


@pytest.mark.parametrize(("path", "status"), [("/api/secret", 401), ("/api/none", 404), ("/api/broken", 500)])
def test_a_refusal_has_its_status(api: Management, path: str, status: int) -> None:
    with pytest.raises(ManagementError) as raised:
        api.request("GET", path)
    assert raised.value.status == status
    assert "p w" not in str(raised.value)


def test_the_clock_is_that_of_the_answer(api: Management) -> None:
    assert api.clock_ms() == 784_111_777_000


def test_nobody_there_is_no_status() -> None:
    for nobody in (Management("http://127.0.0.1:1"), Management("https://127.0.0.1:1")):
        with pytest.raises(ManagementError) as raised:
            nobody.request("GET", "/api/whoami")
        assert raised.value.status is None
        assert not nobody.may_administer()


@pytest.mark.parametrize(
    ("broker", "where"),
    [
        ("amqp://u:p@rabbit.example:5672/tools", "rabbit.example:15672"),
        ("amqps://u:p@rabbit.example/", "rabbit.example:15671"),
        ("amqp://127.0.0.1", "127.0.0.1:15672"),
        ("amqp://u:p@[::1]:5672/", "::1:15672"),
    ],
)
def test_it_is_looked_for_beside_the_broker(broker: str, where: str) -> None:
    assert Management.beside(broker).where == where


def test_it_is_asked_as_the_brokers_user() -> None:
    assert Management.beside("amqp://so%2Fmebody:p@rabbit.example").user == "so/mebody"
    assert Management.beside("amqp://rabbit.example").user == "guest"


def test_the_doctor_tells_why_it_has_no_answer(api: Management) -> None:
    managed = ask(api, "u", "/")
    assert managed.tags == ["monitoring", "policymaker"]
    assert isinstance(managed.nodes, Unseen), "what is no list of nodes is none"
    assert isinstance(managed.queues, Unseen)
    assert managed.queues.because.endswith("there is none")
    assert managed.topic_permissions == []
    refused = ask(Management(f"http://u:wrong@{api.where}"), "u", "/").whoami
    assert isinstance(refused, Unseen)
    assert "set_user_tags u monitoring" in refused.remedy
