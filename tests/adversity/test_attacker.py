"""An attacker who may publish anywhere and read everything, and has no key, or a key of its own.

What is captured here is taken from the exchanges, as by a tap on the wire.
"""

import asyncio
import struct
from contextlib import AsyncExitStack

import pytest

from tests.adversity.forger import LINES, Forger, decorated
from tests.adversity.raw_amqp import CORRELATION_ID, HEADERS, POISONS, REPLY_TO, RawPublisher, long, short
from tests.adversity.tap import Tap, passing
from tests.handmade import INSTANCE, Handmade
from tests.served import SERVER, Made, add, bake, book, peek
from tests.stage import CLIENTS, HMAC_CLIENT, PATIENCE_S, Stage
from tests.unit.contracts.samples import forge
from tests.waiting import wait_until
from toolwire.broker.topology import (
    CONTROL,
    JOBS,
    REPLIES,
    REQUESTS,
    Binding,
    Queue,
    Route,
    reply_key,
    request_key,
)
from toolwire.contracts.envelopes import Control, Response
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.contracts.sealing import digest, seal, split
from toolwire.services import Service
from toolwire.services.provision import add_server

BOOK = request_key(SERVER, "book").encode()
OTHER_SERVER = "server-2"
REPLAYS = 3


# --- forging ----------------------------------------------------------------------------------------


@pytest.mark.promise("P3", "P6")
async def test_a_forger_hears_nothing_and_runs_nothing(stage: Stage) -> None:
    """Whatever it signs with, in whosever name: only the good call behind it is answered."""
    forger = Forger(stage)
    async with passing(stage.url, REPLIES) as replies:
        async with stage.replica() as replica, stage.client() as client, RawPublisher(stage.url) as raw:
            for signer in (forger.impostor, forger.stranger, forger.confused, forger.server):
                await raw.publish(REQUESTS, BOOK, LINES, forger.line(signer))
            await client.call(add, [1])
            assert dict(replica.counts) == {"junk.bad_signature": 2, "junk.unknown_key": 2}
        assert len(await replies.everything()) == 1
    assert stage.diary.lines() == []


@pytest.mark.promise("P1", "P6")
async def test_an_answer_sent_back_to_the_service_is_junk(stage: Stage) -> None:
    """Even one under a shared secret, which the service verifies requests with."""
    async with (
        stage.replica() as replica,
        stage.client(HMAC_CLIENT) as client,
        RawPublisher(stage.url) as raw,
    ):
        async with passing(stage.url, REPLIES) as replies:
            await client.call(add, [1])
            await raw.publish(REQUESTS, BOOK, LINES, (await replies.everything())[0].body)
            await client.call(add, [1])
            assert len(await replies.everything()) == 2
        assert dict(replica.counts) == {"junk.bad_signature": 1}


@pytest.mark.promise("P2", "P9")
async def test_hints_and_control_messages_of_an_attacker_change_nothing(stage: Stage) -> None:
    """A hint is never read, and control is heard from the server's own key alone. The job goes on."""
    forger = Forger(stage)
    async with stage.replica() as replica, stage.client() as client, RawPublisher(stage.url) as raw:
        job = await client.submit(bake, "gate")
        await stage.noted("bake gate 1")
        cancel = Control(ts_ms=1, server_id=SERVER, action="cancel", data={"job_id": job.id}).payload()
        forged = [forge(cancel.encode(), key, type_="control") for key in (forger.own, forger.impostor)]
        forged += [forger.line(forger.server), b"", b"cancel", b"[" * 100_000]
        for header in (LINES, POISONS["deep header"].properties, POISONS["reply_to"].properties):
            for body in forged:
                await raw.publish(JOBS, SERVER.encode(), header, body)
                await raw.publish(CONTROL, SERVER.encode(), header, body)
        await wait_until(lambda: replica.counts["junk.control"] == 3 * len(forged), PATIENCE_S, "all heard")
        assert (await job.poll()).status is Status.RUNNING
        stage.diary.open("gate")
        assert await job.result(timeout=PATIENCE_S) == Made(payload=None, attempt=1)
        assert replica.ready


# --- replaying ----------------------------------------------------------------------------------------


@pytest.mark.promise("P4")
async def test_a_replayed_line_of_a_recorded_tool_gets_the_stored_answer_and_runs_nothing(
    stage: Stage,
) -> None:
    """At two replicas; the answers go to the client that signed."""
    async with AsyncExitStack() as running:
        requests = await running.enter_async_context(passing(stage.url, REQUESTS))
        replies = await running.enter_async_context(passing(stage.url, REPLIES))
        for _ in range(2):
            await running.enter_async_context(stage.replica())
        client = await running.enter_async_context(stage.client())
        raw = await running.enter_async_context(RawPublisher(stage.url))
        assert await client.call(book, "table") == 1
        line = (await requests.everything())[0].body
        for _ in range(REPLAYS):
            await raw.publish(REQUESTS, BOOK, LINES, line)
        await wait_until(lambda: client.dropped.get("not_awaited") == REPLAYS, PATIENCE_S, "stored answers")
        answers = [
            Response.model_validate_json(split(one.body).payload) for one in await replies.everything()
        ]
        assert {answer.request_digest for answer in answers} == {digest(line)}
        assert [answer.result for answer in answers] == [1] * (1 + REPLAYS)
    assert stage.diary.lines() == ["book table"]


@pytest.mark.promise("P4", "P6")
async def test_a_replayed_line_of_a_tool_that_only_reads_gets_silence_and_runs_nothing(stage: Stage) -> None:
    stage.diary.open("gate")
    async with passing(stage.url, REQUESTS) as requests, passing(stage.url, REPLIES) as replies:
        async with stage.replica() as replica, stage.client() as client, RawPublisher(stage.url) as raw:
            await client.call(peek, "gate")
            captured = (await requests.everything())[0]
            for _ in range(REPLAYS):
                await raw.publish(REQUESTS, captured.routing_key.encode(), LINES, captured.body)
            await client.call(add, [1])
            assert dict(replica.counts) == {"repeated": REPLAYS}
        assert len(await replies.everything()) == 2
    assert stage.diary.lines() == ["peek gate"]


# --- redirecting --------------------------------------------------------------------------------------


def copies(header: bytes, *keys: str) -> bytes:
    """A header that asks the broker for copies under other keys."""
    entries = b"".join(b"S" + long(key.encode()) for key in keys)
    return short(header) + b"A" + long(entries)


@pytest.mark.promise("P2", "P6")
async def test_nothing_around_a_line_turns_its_answer_elsewhere(stage: Stage) -> None:
    """An address to reply to, copies open and blind, a history: the answer goes home, once, and bare."""
    thief = Queue("thief", (Binding(REPLIES, "thief.#"),), durable=False, exclusive=True)
    headers = copies(b"CC", "thief.x", "server-1.ship") + copies(b"BCC", "thief.y", "server-1.add")
    headers += short(b"x-delivery-count") + b"l" + struct.pack(">q", 7)
    around = decorated(HEADERS | CORRELATION_ID | REPLY_TO, long(headers) + short(b"thief") + short(b"thief"))
    async with (
        passing(stage.url, REPLIES) as replies,
        Tap(stage.url, thief, Route(REPLIES, "thief.mark")) as stolen,
        Handmade(stage.url, stage.home) as hand,
        RawPublisher(stage.url) as raw,
    ):
        async with stage.replica():
            line = seal(hand.request("book", {"item": "table"}), hand.signer)
            await raw.publish(REQUESTS, BOOK, around, line)
            assert (await hand.answer(digest(line))).result == 1
        answers = await replies.everything()
        assert [(answer.routing_key, dict(answer.headers)) for answer in answers] == [
            (reply_key(CLIENTS[0], INSTANCE), {})
        ]
        assert await stolen.everything() == []
    assert stage.diary.lines() == ["book table"]


@pytest.mark.promise("P2", "P7")
async def test_a_line_copied_to_another_server_is_refused_there_and_harms_no_call(stage: Stage) -> None:
    """The other server is pinned, and its refusal is true and names the very request: it was not asked."""
    add_server(stage.home, OTHER_SERVER)
    other = Service(OTHER_SERVER).running(home=stage.home.path, broker_url=stage.url)
    async with (
        passing(stage.url, REQUESTS) as requests,
        stage.replica(),
        other as elsewhere,
        stage.client() as client,
        RawPublisher(stage.url) as raw,
        asyncio.TaskGroup() as group,
    ):
        calling = group.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        line = (await requests.everything())[0].body
        await raw.publish(REQUESTS, request_key(OTHER_SERVER, "peek").encode(), LINES, line)
        await wait_until(lambda: client.dropped.get("wrong_server"), PATIENCE_S, "the refusal dropped")
        assert dict(elsewhere.counts) == {"refused.wrong_server": 1}
        assert not calling.done()
        stage.diary.open("gate")
        assert await calling == "gate"


# --- stealing -----------------------------------------------------------------------------------------


@pytest.mark.promise("P5")
@pytest.mark.parametrize("tool", ["poll_job", "cancel_job"])
async def test_a_job_of_somebody_else_and_no_job_look_the_same(stage: Stage, tool: str) -> None:
    async with (
        stage.replica(),
        stage.client() as owner,
        Handmade(stage.url, stage.home, CLIENTS[1]) as thief,
    ):
        job = await owner.submit(bake, "gate")
        await stage.noted("bake gate 1")
        stolen = await thief.ask(thief.request(tool, {"job_id": job.id}))
        unknown = await thief.ask(thief.request(tool, {"job_id": "0" * len(job.id)}))
        assert stolen.error is not None
        assert stolen.error.code is Code.JOB_NOT_FOUND
        fresh = {"ts_ms", "request_id", "request_digest"}
        assert stolen.model_dump(exclude=fresh) == unknown.model_dump(exclude=fresh)
        assert job.id not in stolen.model_dump_json()
        assert (await thief.ask(thief.request("list_jobs", {}))).result == {"jobs": []}
        assert (await job.poll()).status is Status.RUNNING
        stage.diary.open("gate")
        assert await job.result(timeout=PATIENCE_S) == Made(payload=None, attempt=1)


@pytest.mark.promise("P4", "P5")
async def test_the_request_id_of_somebody_else_gives_nobody_their_answer(stage: Stage) -> None:
    """The same id under another key is another request: it runs for its own client."""
    async with (
        stage.replica(),
        Handmade(stage.url, stage.home) as owner,
        Handmade(stage.url, stage.home, CLIENTS[1]) as thief,
    ):
        own = await owner.ask(owner.request("book", {"item": "table"}, request_id="order-17"))
        other = await thief.ask(thief.request("book", {"item": "table"}, request_id="order-17"))
        assert (own.result, other.result) == (1, 2)
        assert (own.client_id, other.client_id) == CLIENTS


@pytest.mark.promise("P5", "P6")
async def test_a_client_that_names_somebody_else_is_answered_itself(stage: Stage) -> None:
    """Nothing reaches whoever it named, in whose queue it would look like an answer."""
    async with (
        stage.replica(),
        passing(stage.url, REPLIES) as replies,
        Handmade(stage.url, stage.home) as attacker,
    ):
        named = attacker.request("book", {"item": "loot"}, client_id=CLIENTS[1])
        assert await attacker.refusal(named) is Code.FORBIDDEN
        assert [each.routing_key for each in await replies.everything()] == [reply_key(CLIENTS[0], INSTANCE)]
    assert stage.diary.lines() == []
