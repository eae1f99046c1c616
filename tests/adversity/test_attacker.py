"""The attacker's story, in the order in which an attacker would think of it.

The attacker is a user of the broker: may publish to every exchange under any key with any properties, and
reads every request, answer and event by a tap. It has no key. Whatever it tries has to fail on the bytes of
the messages alone, since no permission of the broker stands in its way here.

    forge · replay · redirect · reflect · rename · swap the server · steal · poison
    then: fill and drown (`test_floods.py`) · get a key (`test_insiders.py`) · tamper (`test_tampering.py`)

Every way in which a single message can be wrong is a line of a table, sent one by one: the requests of
`hostile.py` in `test_hostile_messages.py`, the answers of `lies.py` in `test_hostile_replies.py`.
"""

import asyncio
import struct
from contextlib import AsyncExitStack

import pytest

from tests.adversity.attacker import Attacker, dropped, waiting
from tests.adversity.forger import Forger, decorated
from tests.adversity.lies import Liar
from tests.adversity.raw_amqp import CORRELATION_ID, HEADERS, POISONS, REPLY_TO, TYPE, long, short
from tests.adversity.tap import Tap
from tests.adversity.tcp_proxy import TcpProxy
from tests.handmade import INSTANCE, Handmade
from tests.served import SERVER, Made, Total, add, bake, book, count_up, peek
from tests.stage import CLIENTS, HMAC_CLIENT, PATIENCE_S, Stage
from tests.unit.contracts.samples import forge
from tests.waiting import wait_until, wait_until_told
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
from toolwire.client import JobNotFound
from toolwire.client.clock import now_ms
from toolwire.contracts.envelopes import Control, Event
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.contracts.sealing import digest, read, seal, verify
from toolwire.services import Service
from toolwire.services.homes.provision import add_server

BOOK = request_key(SERVER, "book")
OTHER_SERVER = "server-2"
REPLAYS = 3


# --- chapter 1: forge -------------------------------------------------------------------------------


@pytest.mark.promise("P3", "P6")
async def test_a_forger_hears_nothing_and_runs_nothing(stage: Stage) -> None:
    """Whatever it signs with, in whosever name: only the good call behind it is answered."""
    forger = Forger(stage)
    async with stage.replica() as replica, stage.client() as client, Attacker(stage) as attacker:
        for signer in (forger.impostor, forger.stranger, forger.confused, forger.server):
            await attacker.send(REQUESTS, BOOK, forger.line(signer))
        await client.call(add, [1])
        assert dict(replica.counts) == {"junk.bad_signature": 2, "junk.unknown_key": 2}
        assert len(await attacker.answers()) == 1
    assert stage.diary.lines() == []


@pytest.mark.promise("P2", "P9")
async def test_forged_hints_and_control_messages_change_nothing(stage: Stage) -> None:
    """A hint is never read, and control is heard from the server's own key alone. The job goes on."""
    forger = Forger(stage)
    async with stage.replica() as replica, stage.client() as client, Attacker(stage) as attacker:
        job = await client.submit(bake, "gate")
        await stage.noted("bake gate 1")
        cancel = Control(ts_ms=1, server_id=SERVER, action="cancel", data={"job_id": job.id}).payload()
        forged = [forge(cancel.encode(), key, type_="control") for key in (forger.own, forger.impostor)]
        forged += [forger.line(forger.server), b"", b"cancel", b"[" * 100_000]
        for header in (decorated(0, b""), POISONS["deep header"].properties, POISONS["reply_to"].properties):
            for body in forged:
                await attacker.send(JOBS, SERVER, body, header)
                await attacker.send(CONTROL, SERVER, body, header)
        await wait_until(lambda: replica.counts["junk.control"] == 3 * len(forged), PATIENCE_S, "all heard")
        assert (await job.poll()).status is Status.RUNNING
        stage.diary.open("gate")
        assert await job.result(timeout=PATIENCE_S) == Made(payload=None, attempt=1)
        assert replica.ready


# --- chapter 2: replay on another replica -----------------------------------------------------------


@pytest.mark.promise("P4")
async def test_a_replayed_call_gets_the_stored_answer_and_runs_nothing(stage: Stage) -> None:
    """At two replicas; the answers go to the client that signed."""
    async with stage.replicas(2), stage.client() as client, Attacker(stage) as attacker:
        assert await client.call(book, "table") == 1
        captured = await attacker.request()
        await attacker.replay(captured, REPLAYS)
        assert await dropped(client, REPLAYS) == {"not_awaited": REPLAYS}
        answers = await attacker.answers()
        told = [(answer.request_digest, answer.result) for answer in answers]
        assert told == [(digest(captured.body), 1)] * (1 + REPLAYS)
    assert stage.diary.lines() == ["book table"]


@pytest.mark.promise("P4", "P6")
async def test_a_replayed_call_of_a_tool_that_only_reads_gets_silence(stage: Stage) -> None:
    """Another replica would run it once more, and answer home: reading twice is what `read_only` allows."""
    stage.diary.open("gate")
    async with stage.replica() as replica, stage.client() as client, Attacker(stage) as attacker:
        await client.call(peek, "gate")
        await attacker.replay(await attacker.request(), REPLAYS)
        await client.call(add, [1])
        assert dict(replica.counts) == {"repeated": REPLAYS}
        assert len(await attacker.answers()) == 2
    assert stage.diary.lines() == ["peek gate"]


@pytest.mark.promise("P4", "P7")
async def test_a_replayed_submission_is_the_same_job(stage: Stage) -> None:
    """While it runs and when it is over."""
    async with stage.replicas(2), stage.client() as client, Attacker(stage) as attacker:
        job = await client.submit(bake, "gate")
        submission = await attacker.request()
        await attacker.replay(submission, REPLAYS)
        stage.diary.open("gate")
        await job.result(timeout=PATIENCE_S)
        await attacker.replay(submission, REPLAYS)
        await dropped(client, 2 * REPLAYS)
        assert [answer.result for answer in await attacker.answers()] == [{"job_id": job.id}] * 7
        assert [each.job_id for each in (await client.list_jobs()).jobs] == [job.id]
    assert stage.diary.lines() == ["bake gate 1", "bake gate 1 is over"]


@pytest.mark.promise("P4")
async def test_a_replay_after_the_answer_was_forgotten_is_refused(stage: Stage) -> None:
    """What stays of a record until no replay can be fresh any more is that it was."""
    async with stage.replica(result_ttl_s=0.1), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": "table"})
        assert (await hand.ask(request)).ok

        async def forgotten() -> bool:
            await hand.send(request)
            error = (await hand.answers(digest(seal(request, hand.signer)), 1))[-1].error
            return error is not None and error.code is Code.EXPIRED

        await wait_until_told(forgotten, PATIENCE_S, "the replay refused as expired")
    assert stage.diary.lines() == ["book table"]


@pytest.mark.promise("P2", "P7")
async def test_replays_use_up_nothing_of_the_client_that_signed(stage: Stage) -> None:
    """Neither its rate nor its places: its next call is answered at once."""
    stage.limit(CLIENTS[0], rate=1, max_running=1)
    async with stage.replica() as replica, stage.client() as client, Attacker(stage) as attacker:
        async with waiting(stage, client, attacker) as captured:
            for key in (captured.routing_key, BOOK):
                await attacker.flood(REQUESTS, key, [captured.body] * 20)
            await dropped(client, 20)
        await client.call(add, [1])
        assert dict(replica.counts) == {"repeated": 20, "refused.wrong_destination": 20}


@pytest.mark.promise("P4", "P7")
async def test_captured_answers_are_told_once_and_answer_nothing_else(stage: Stage) -> None:
    """They are true, and they belong to another request; among them the refusal of an earlier attempt, which
    would have the client try again and again.
    """
    stage.limit(CLIENTS[0], max_running=1)
    stage.diary.open("free")
    async with stage.replica(), stage.client() as client, Attacker(stage) as attacker:
        async with asyncio.TaskGroup() as group:
            async with waiting(stage, client, attacker):
                second = group.create_task(client.call(peek, "free"))
                refusal = await attacker.answer_with(b"rate_limited")
                await attacker.replay(refusal, REPLAYS)
            assert await second == "free"
        await dropped(client, REPLAYS)
        stage.limit(CLIENTS[0], max_running=2)
        for captured in await attacker.replies.everything():
            await attacker.replay(captured)
        assert await client.call(peek, "free") == "free"
        assert set(client.dropped) == {"repeated", "not_awaited"}


@pytest.mark.promise("P7")
async def test_captured_events_are_told_once_and_old_ones_never_after_newer_ones(stage: Stage) -> None:
    """Nor one that the server signed for another request: its digest is another."""
    liar, keys = Liar(stage), stage.home.server_keys(CLIENTS[0])
    async with stage.replica(), stage.client() as client, Attacker(stage) as attacker:
        job = await client.submit(count_up, 3)
        assert await job.result(timeout=PATIENCE_S) == 3
        captured = [event.body for event in await attacker.events()]
        for line in captured:
            await attacker.to_client(client, line)
        await dropped(client, len(captured))
        final = read(verify(captured[-1], keys, ("event",), now_ms()), Event)
        newer = final.data.model_copy(update={"seq": final.data.seq + 1, "result": 99})
        changed = final.model_copy(update={"request_digest": digest(b"another"), "data": newer})
        await attacker.to_client(client, liar.signed(changed))
        await wait_until(lambda: client.dropped.get("unknown_digest"), PATIENCE_S, "the other one dropped")
        assert client.dropped["duplicate"] >= len(captured)
        assert await job.result() == 3


# --- chapter 3: redirect the reply ------------------------------------------------------------------


def copies(header: bytes, *keys: str) -> bytes:
    """A header that asks the broker for copies under other keys."""
    return short(header) + b"A" + long(b"".join(b"S" + long(key.encode()) for key in keys))


@pytest.mark.promise("P2", "P6")
async def test_nothing_around_a_line_turns_its_answer_elsewhere(stage: Stage) -> None:
    """An address to reply to, copies open and blind, a history: the answer goes home, once, and bare."""
    thief = Queue("thief", (Binding(REPLIES, "thief.#"),), durable=False, exclusive=True)
    headers = copies(b"CC", "thief.x", "server-1.ship") + copies(b"BCC", "thief.y", "server-1.add")
    headers += short(b"x-delivery-count") + b"l" + struct.pack(">q", 7)
    around = decorated(HEADERS | CORRELATION_ID | REPLY_TO, long(headers) + short(b"thief") + short(b"thief"))
    async with (
        Tap(stage.url, thief, Route(REPLIES, "thief.mark")) as stolen,
        Handmade(stage.url, stage.home) as hand,
        Attacker(stage) as attacker,
        stage.replica(),
    ):
        line = seal(hand.request("book", {"item": "table"}), hand.signer)
        await attacker.send(REQUESTS, BOOK, line, around)
        assert (await hand.answer(digest(line))).result == 1
        answers = [(one.routing_key, dict(one.headers)) for one in await attacker.replies.everything()]
        assert answers == [(reply_key(CLIENTS[0], INSTANCE), {})]
        assert await stolen.everything() == []
    assert stage.diary.lines() == ["book table"]


@pytest.mark.promise("P6")
async def test_the_instance_of_somebody_else_is_an_instance_of_ones_own(stage: Stage) -> None:
    """`reply_to` names the last word of the queue; the first one is the owner of the key."""
    async with (
        stage.replica(),
        stage.client(CLIENTS[1], instance="desk") as victim,
        Handmade(stage.url, stage.home) as hand,
        Attacker(stage) as attacker,
    ):
        await hand.send(hand.request("book", {"item": "loot"}, reply_to="desk"))
        await stage.noted("book loot")
        await victim.call(add, [1])
        homes = [answer.routing_key for answer in await attacker.replies.everything()]
        assert set(homes) <= {f"{CLIENTS[0]}.desk", f"{CLIENTS[1]}.desk"}
        assert dict(victim.dropped) == {}


# --- chapter 4: reflect -----------------------------------------------------------------------------


@pytest.mark.promise("P1", "P3", "P6")
async def test_under_a_shared_secret_nothing_passes_as_something_else(stage: Stage) -> None:
    """Both sides sign with the same secret: a request is no answer, an answer no request, an event neither.
    What is signed also says what it is, whatever the message says around it.
    """
    async with (
        stage.replica() as replica,
        stage.client(HMAC_CLIENT) as client,
        Attacker(stage) as attacker,
    ):
        assert await (await client.submit(count_up, 1)).result(timeout=PATIENCE_S) == 1
        event, answer = (await attacker.events())[-1].body, await attacker.answer_with(b"accepted")
        async with waiting(stage, client, attacker) as request:
            before = await dropped(client, 0)
            for kind in (b"response", b"event", b"request"):
                await attacker.to_client(client, request.body, decorated(TYPE, short(kind)))
            assert await dropped(client, before.total() + 3) - before == {"bad_signature": 3}
            await attacker.to_client(client, event, decorated(TYPE, short(b"response")))
            await dropped(client, before.total() + 4)
        for reflected in (answer.body, event):
            await attacker.send(REQUESTS, BOOK, reflected)
        await client.call(add, [1])
        assert dict(replica.counts) == {"junk.bad_signature": 2}


# --- chapter 5: rename the tool ---------------------------------------------------------------------


@pytest.mark.promise("P2", "P4", "P7")
async def test_a_line_under_another_tools_key_runs_nothing_and_ends_no_call(stage: Stage) -> None:
    """Its refusal is true, and names the very attempt that its client waits for. The client knows better."""
    async with stage.replica() as replica, stage.client() as client, Attacker(stage) as attacker:
        async with waiting(stage, client, attacker) as captured:
            for tool in ("book", "add", "poll_job", "no_such_tool"):
                await attacker.send(REQUESTS, request_key(SERVER, tool), captured.body)
            assert await dropped(client, 4) == {"wrong_destination": 4}
        assert dict(replica.counts) == {"refused.wrong_destination": 4}
    assert stage.diary.lines() == ["peek gate"]


# --- chapter 6: swap the server ---------------------------------------------------------------------


@pytest.mark.promise("P2", "P7")
async def test_a_line_copied_to_another_server_is_refused_there_and_harms_no_call(stage: Stage) -> None:
    """The other server is pinned, and its refusal is true and names the very request: it was not asked."""
    add_server(stage.home, OTHER_SERVER)
    other = Service(OTHER_SERVER).running(home=stage.home.path, broker_url=stage.url)
    async with stage.replica(), other as elsewhere, stage.client() as client, Attacker(stage) as attacker:
        async with waiting(stage, client, attacker) as captured:
            await attacker.send(REQUESTS, request_key(OTHER_SERVER, "peek"), captured.body)
            assert await dropped(client, 1) == {"wrong_server": 1}
        assert dict(elsewhere.counts) == {"refused.wrong_server": 1}


# --- chapter 7: steal a job by its id ---------------------------------------------------------------


@pytest.mark.promise("P5")
@pytest.mark.parametrize("tool", ["poll_job", "cancel_job", "job_history"])
async def test_a_job_of_somebody_else_and_no_job_look_the_same(stage: Stage, tool: str) -> None:
    async with stage.replica(), stage.client() as owner, Handmade(stage.url, stage.home, CLIENTS[1]) as thief:
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


@pytest.mark.promise("P5", "P6")
async def test_a_job_cannot_be_resumed_by_somebody_else(stage: Stage) -> None:
    """Not even with its events: the thief publishes what it captured into its own reply queue."""
    async with (
        stage.replica(),
        stage.client() as owner,
        stage.client(CLIENTS[1]) as thief,
        Attacker(stage) as attacker,
    ):
        job = await owner.submit(count_up, 1)
        await job.result(timeout=PATIENCE_S)
        stolen = thief.job(job.id)
        for event in (captured := await attacker.events()):
            await attacker.to_client(thief, event.body)
        assert await dropped(thief, len(captured)) == {"not_mine": len(captured)}
        with pytest.raises(JobNotFound):
            await stolen.result(timeout=PATIENCE_S)


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


# --- chapter 8: poison among good ones --------------------------------------------------------------


@pytest.mark.promise("P9")
async def test_poison_on_both_sides_costs_no_call_and_no_connection(stage: Stage) -> None:
    """Properties that no library would send, at a replica and at clients, between the calls of three of them.
    Nothing is delivered for ever: the replica's queue is empty in the end.
    """
    forger = Forger(stage)
    poisons = [one for one in POISONS.values() if not one.may_be_refused]
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(TcpProxy(stage.url))
        replica = await stack.enter_async_context(stage.replica(broker_url=proxy.url))
        clients = [
            await stack.enter_async_context(stage.client(client_id, broker=proxy.url))
            for client_id in (*CLIENTS, HMAC_CLIENT)
        ]
        attacker = await stack.enter_async_context(Attacker(stage))
        for client in clients:
            await client.call(add, [1])
        connections = proxy.accepted
        for number, poison in enumerate(poisons):
            client = clients[number % len(clients)]
            await attacker.send(
                REQUESTS, f"{SERVER}.".encode() + poison.key, forger.line(), poison.properties
            )
            await attacker.to_client(client, forger.line(), poison.properties)
            assert await client.call(add, [1]) == Total(count=1, total=1.0)
        assert proxy.accepted == connections
        assert sum(replica.counts.values()) == len(poisons)
    assert stage.diary.lines() == []
