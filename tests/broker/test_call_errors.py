"""Every way in which a call fails has its own exception, at once or by the deadline."""

import asyncio
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import tomlkit

from tests.adversity.tcp_proxy import TcpProxy
from tests.served import SERVER, add, bake, book, break_down, decline, flood, misreport, peek, ship
from tests.stage import Stage
from toolwire.broker.errors import Refused
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import call_queue, request_route
from toolwire.client import (
    AnswerNotVerified,
    BrokerAway,
    DeadlineExceeded,
    InternalError,
    NoReplica,
    NoSuchServer,
    NotAccepted,
    QueueFull,
    RequestIdConflict,
    ResultInvalid,
    ResultTooLarge,
    ToolFailed,
)
from toolwire.client.home import Home
from toolwire.services.homes.provision import add_server

SECRET = "a secret that no caller may see"
NOBODY = "amqp://127.0.0.1:1/"


@contextmanager
def taking_at_most(seconds: float) -> Generator[None]:
    """Fail where the block takes longer: what it waits for is meant to be told sooner."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


# --- nobody is there ---


async def test_a_server_that_does_not_exist_is_told_at_once(stage: Stage) -> None:
    add_server(stage.home, "server-2")
    async with stage.client(server="server-2", timeout=60) as client:
        with taking_at_most(20), pytest.raises(NoSuchServer, match="server-2"):
            await client.call("add", {"numbers": [1]})


async def test_a_server_without_a_replica_is_told_long_before_the_deadline(stage: Stage) -> None:
    async with stage.replica():
        pass
    async with stage.client(timeout=60) as client:
        with taking_at_most(20), pytest.raises(NoReplica, match=SERVER):
            await client.call(add, [1])


@pytest.mark.promise("P7")
async def test_a_broker_that_is_away_is_told_at_the_deadline(stage: Stage) -> None:
    async with stage.client(broker=NOBODY, timeout=0.5) as client:
        with taking_at_most(20), pytest.raises(BrokerAway):
            await client.call(add, [1])


@pytest.mark.promise("P7")
async def test_a_broker_that_goes_away_in_the_middle_is_told_at_the_deadline(stage: Stage) -> None:
    """The call may have run: its error says so. The next one was not even sent, and says that."""
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(),
        stage.client(broker=proxy.url, timeout=3) as client,
    ):
        calling = asyncio.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        proxy.refuse()
        with taking_at_most(20), pytest.raises(DeadlineExceeded):
            await calling
        with taking_at_most(20), pytest.raises(BrokerAway):
            await client.call(add, [1])
        stage.diary.open("gate")


@pytest.mark.promise("P7")
async def test_a_full_queue_is_told_and_nothing_is_queued(stage: Stage) -> None:
    queue = call_queue(SERVER)
    tight = replace(queue, arguments={**queue.arguments, "x-max-length": 1})
    async with (
        Publisher([stage.url], name="test", declare=[tight]) as publisher,
        stage.client(timeout=60) as client,
    ):
        filling = Outgoing(request_route(SERVER, "add"), b"filling", "request", "filling")
        with suppress(Refused):
            while True:
                await publisher.publish(filling, timeout=15)
        with taking_at_most(20), pytest.raises(QueueFull, match=SERVER):
            await client.call(add, [1])
        with taking_at_most(20), pytest.raises(QueueFull, match=SERVER):
            await client.submit(bake, "gate")


# --- the tool ---


async def test_a_tools_own_error_arrives_in_its_own_words(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        with pytest.raises(ToolFailed, match="Card was declined") as failed:
            await client.call(decline, "card_declined", "Card was declined")
    assert (failed.value.reason, failed.value.data) == ("card_declined", {"limit": 3})


async def test_a_tool_that_breaks_gives_away_nothing_but_an_error_id(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage.replica(), stage.client() as client:
        with pytest.raises(InternalError) as failed:
            await client.call(break_down, SECRET)
    assert SECRET not in failed.value.error.model_dump_json()
    assert failed.value.data is not None
    assert str(failed.value.data["error_id"]) in caplog.text
    assert SECRET in caplog.text


async def test_a_result_against_the_contract_is_not_sent(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        with pytest.raises(ResultInvalid):
            await client.call(misreport)


async def test_a_result_that_fits_no_message_is_an_error(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        assert len(await client.call(flood, 900_000)) == 900_000
        with pytest.raises(ResultTooLarge):
            await client.call(flood, 2_000_000)


# --- time ---


@pytest.mark.promise("P7")
@pytest.mark.parametrize("tool", [peek, ship], ids=["unrecorded", "recorded"])
async def test_a_tool_that_takes_too_long_ends_with_the_deadline(stage: Stage, tool: object) -> None:
    """By the service's signed word or, where that comes too late, by the client's own clock."""
    async with stage.replica(), stage.client(timeout=0.7) as client:
        with taking_at_most(20), pytest.raises(DeadlineExceeded):
            await client.call(peek if tool is peek else ship, "gate")
        assert (await client.options(timeout=15).call(add, [1])).count == 1


@pytest.mark.promise("P7")
async def test_a_submission_that_nobody_takes_in_time_is_not_accepted_yet(stage: Stage) -> None:
    """It stays queued, and becomes a job as soon as a replica is there."""
    stage.diary.open("oven")
    async with stage.replica():
        pass
    async with stage.client() as client:
        with taking_at_most(20), pytest.raises(NotAccepted):
            await client.options(timeout=1).submit(bake, "oven")
        async with stage.replica():
            await stage.noted("bake oven 1")


@pytest.mark.promise("P4")
async def test_a_request_id_that_was_used_for_something_else_is_a_conflict(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        mine = client.options(request_id="order-17")
        assert await mine.call(book, "table") == 1
        with pytest.raises(RequestIdConflict):
            await mine.call(book, "chair")
    assert stage.diary.lines() == ["book table"]


# --- trust ---


@pytest.mark.promise("P7")
async def test_an_answer_under_a_key_that_is_not_pinned_counts_for_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    async with stage.replica(), stage.client(home=_pinning_another_key(stage.home, tmp_path)) as client:
        with pytest.raises(AnswerNotVerified, match="pins"):
            await client.options(timeout=3).call(add, [1])
        assert client.dropped


def _pinning_another_key(home: Home, folder: Path) -> Path:
    """A copy of the home that knows the server by a key that is not the server's."""
    copy = Home(shutil.copytree(home.path, folder / "deceived"))
    add_server(copy, "stranger")
    registry = tomlkit.parse(copy.registry_file.read_text())
    servers = registry.unwrap()["servers"]
    registry["servers"][SERVER]["keys"][0]["public"] = servers["stranger"]["keys"][0]["public"]
    copy.registry_file.write_text(tomlkit.dumps(registry))
    return copy.path
