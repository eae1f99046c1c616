"""The permissions that docs/operations.md gives are enough, and keep clients apart."""

import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import pytest

from tests.served import SERVER, add, bake
from tests.stage import CLIENTS, PATIENCE_S, Stage
from toolwire.broker.management import Management
from toolwire.client import AccessDenied, Client
from toolwire.testing.brokers import Broker

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


class Administrator(Management):
    """Makes users that may do what the page says, and no more."""

    @contextmanager
    def new_user(self, url: str, configure: str, write: str, read: str) -> Generator[str]:
        """The broker's URL for a new user of its virtual host."""
        name, password = f"toolwire-test-{secrets.token_hex(4)}", secrets.token_hex(8)
        parts = urlsplit(url)
        vhost = quote(unquote(parts.path[1:]) or "/", safe="")
        self.request("PUT", f"/api/users/{name}", {"password": password, "tags": ""})
        try:
            may = {"configure": configure, "write": write, "read": read}
            self.request("PUT", f"/api/permissions/{vhost}/{name}", may)
            netloc = f"{name}:{password}@{parts.netloc.rpartition('@')[2]}"
            yield urlunsplit(parts._replace(netloc=netloc))
        finally:
            self.request("DELETE", f"/api/users/{name}")


def told(party: str) -> tuple[str, str, str]:
    """What the page's table says that party needs: configure, write, read."""
    row = re.search(rf"^\| a {party} `.` \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    configure, write, read = (
        cell.strip().strip("`").replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", row[1])
    )
    return configure, write, read


def narrowed(permissions: tuple[str, str, str], name: str) -> tuple[str, str, str]:
    """The table's lines for the client of that name."""
    configure, write, read = (pattern.replace(".C", f".{name}") for pattern in permissions)
    return configure, write, read


@pytest.fixture
def administrator(broker: Broker) -> Administrator:
    """Who may make users. A broker at a URL may have nobody."""
    if broker.management is None:
        pytest.skip("this broker lets nobody make users")
    credentials = urlsplit(broker.url).netloc.rpartition("@")[0]
    return Administrator(f"http://{credentials}@{broker.management.where}")


async def test_a_client_and_a_service_need_no_more(stage: Stage, administrator: Administrator) -> None:
    """Calls, jobs with their events, and a named instance, all with users of their own."""
    with (
        administrator.new_user(stage.url, *told("service")) as service_url,
        administrator.new_user(stage.url, *narrowed(told("client"), CLIENTS[0])) as client_url,
    ):
        async with (
            stage.replica(broker_url=service_url),
            stage.client(broker=client_url) as client,
            stage.client(broker=client_url, instance="named") as named,
        ):
            assert (await client.call(add, [1, 2])).total == 3
            stage.diary.open("gate")
            job = await named.submit(bake, "gate", {"task": "demo"})
            assert (await job.result(timeout=PATIENCE_S)).attempt == 1


async def test_a_client_cannot_take_the_queues_of_another(stage: Stage, administrator: Administrator) -> None:
    """Not even its own key makes the broker let it listen where answers to others arrive."""
    with administrator.new_user(stage.url, *narrowed(told("client"), CLIENTS[0])) as url:
        async with stage.replica(), Client(CLIENTS[1], server=SERVER, broker=url, timeout=5) as thief:
            with pytest.raises(AccessDenied):
                await thief.call(add, [1])
