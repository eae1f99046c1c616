"""Hostile and malformed answers, sent at a running client while it waits: none is believed, none costs it."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.adversity.forger import (
    LINES,
    decorated,
)
from tests.adversity.lies import LIES, Liar
from tests.adversity.raw_amqp import (
    HEADERS,
    NOT_UTF8,
    RawPublisher,
    RefusedByBroker,
    long,
    short,
)
from tests.adversity.tap import passing
from tests.adversity.tcp_proxy import TcpProxy
from tests.served import peek
from tests.stage import PATIENCE_S, Stage
from tests.waiting import wait_until
from toolwire.broker.topology import REPLIES, REQUESTS, reply_key
from toolwire.client import Client


@asynccontextmanager
async def waiting_at(stage: Stage, client: Client, gate: str) -> AsyncGenerator[bytes]:
    """The line of a request that the client waits for while the block lasts; then it must get its answer."""
    async with passing(stage.url, REQUESTS) as requests, asyncio.TaskGroup() as group:
        calling = group.create_task(client.call(peek, gate))
        await stage.noted(f"peek {gate}")
        yield (await requests.everything())[0].body
        assert not calling.done()
        stage.diary.open(gate)
        assert await calling == gate


async def send(stage: Stage, client: Client, header: bytes, body: bytes) -> bool:
    """Send a message into the client's reply queue. Whether the broker takes it."""
    async with RawPublisher(stage.url) as raw:
        try:
            await raw.publish(REPLIES, home_of(client), header, body)
        except RefusedByBroker:
            return False
    return True


def home_of(client: Client) -> bytes:
    """The routing key that the client's answers have."""
    return reply_key(client.client_id, client.instance).encode()


def dropped(client: Client) -> int:
    """How much the client has dropped."""
    return Counter(client.dropped).total()


@pytest.mark.promise("P1", "P5", "P9")
@pytest.mark.parametrize("instance", [None, "desk-1"])
async def test_no_lie_is_believed_and_none_costs_the_answer(
    stage: Stage, caplog: pytest.LogCaptureFixture, instance: str | None
) -> None:
    """One after the other while a call is under way: each is dropped and counted for its reason, the
    connections stay, and the server's answer is the one that is told.
    """
    liar = Liar(stage)
    told: dict[str, Counter[str]] = {}
    async with (
        stage.replica(),
        TcpProxy(stage.url) as proxy,
        stage.client(broker=proxy.url, instance=instance) as client,
    ):
        async with waiting_at(stage, client, "gate") as liar.line:
            connections = proxy.accepted
            for name, lie in LIES.items():
                before = Counter(client.dropped)
                if not await send(stage, client, lie.properties, lie.body(liar)):
                    assert lie.may_be_refused
                    continue
                expected = before.total() + lie.lines
                await wait_until(lambda: dropped(client) >= expected, PATIENCE_S, f"{name!r} dropped")  # noqa: B023
                told[name] = Counter(client.dropped) - before
        assert proxy.accepted == connections
    assert told == {name: {LIES[name].reason: LIES[name].lines} for name in told}
    assert [record for record in caplog.records if record.name == "toolwire.broker"] == []


@pytest.mark.promise("P9")
async def test_a_copy_under_a_routing_key_that_is_no_text_is_dropped(stage: Stage) -> None:
    """CC brings a message into the queue under a key that the queue is not bound for."""
    liar = Liar(stage)
    async with stage.replica(), stage.client() as client, RawPublisher(stage.url) as raw:
        async with waiting_at(stage, client, "gate") as liar.line:
            copies = carbon_copy(home_of(client))
            await raw.publish(REPLIES, NOT_UTF8, copies, liar.signed(liar.response()))
            await wait_until(lambda: dropped(client), PATIENCE_S, "the copy dropped")
        assert dict(client.dropped) == {"malformed_properties": 1}


def carbon_copy(*keys: bytes) -> bytes:
    """Properties of JSON lines that ask the broker for copies under these keys."""
    entries = b"".join(b"S" + long(key) for key in keys)
    return decorated(HEADERS, long(short(b"CC") + b"A" + long(entries)))


@pytest.mark.promise("P9")
async def test_good_answers_among_bad_lines_in_one_message_are_found(stage: Stage) -> None:
    """The server is played by the test, which puts its true answer among lies."""
    liar = Liar(stage)
    async with stage.replica(), stage.client() as client, passing(stage.url, REQUESTS) as requests:
        calling = asyncio.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        liar.line = (await requests.everything())[0].body
        lines = [
            b"{}",
            liar.signed(liar.response(), liar.other_server),
            liar.signed(liar.response(result="yes")),
        ]
        await send(stage, client, LINES, b"\n".join([*lines, b"hello"]))
        assert await calling == "yes"
        await wait_until(lambda: dropped(client) == 3, PATIENCE_S, "the others dropped")
        assert dict(client.dropped) == {"bad_envelope": 2, "foreign_key": 1}
        stage.diary.open("gate")
