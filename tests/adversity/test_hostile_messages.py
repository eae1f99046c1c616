"""Hostile and malformed requests, sent at a running replica: each costs itself, and no sender no answer."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice

import pytest

from tests.adversity.forger import LINES, Forger
from tests.adversity.hostile import DECORATIONS, REFUSED, UNREADABLE, UNSIGNED
from tests.adversity.raw_amqp import RawPublisher, RefusedByBroker
from tests.adversity.tap import Tap, lying, passing_lines
from tests.adversity.tcp_proxy import TcpProxy
from tests.handmade import INSTANCE, Handmade
from tests.served import SERVER, Total, add
from tests.stage import CLIENTS, HMAC_CLIENT, Stage
from tests.waiting import wait_until
from toolwire.broker.consume import Delivery
from toolwire.broker.topology import (
    REPLIES,
    REQUESTS,
    Route,
    call_queue,
    dead_queue,
    dead_route,
    junk_queue,
    junk_route,
    reply_key,
    request_key,
)
from toolwire.contracts.envelopes import VERSION, Request
from toolwire.contracts.errors import Code
from toolwire.contracts.lines import MAX_BODY_BYTES, MAX_LINES
from toolwire.contracts.sealing import digest, seal
from toolwire.services import Replica

MANY = 50
BOOK = request_key(SERVER, "book").encode()
REASON = "x-toolwire-reason"


@dataclass(frozen=True, slots=True)
class Watched:
    """A replica whose connections are counted, and everything that is answered."""

    replica: Replica
    proxy: TcpProxy
    replies: Tap


@asynccontextmanager
async def watched(stage: Stage, caplog: pytest.LogCaptureFixture) -> AsyncGenerator[Watched]:
    """A replica that must keep its connections and its consumers for as long as the block lasts."""
    async with TcpProxy(stage.url) as proxy, passing_lines(stage.url, REPLIES) as replies:
        async with stage.replica(broker_url=proxy.url) as replica:
            connections = proxy.accepted
            yield Watched(replica, proxy, replies)
            assert proxy.accepted == connections
        # The broker layer warns of every channel and every consumer that it has to make again.
        assert [record for record in caplog.records if record.name == "toolwire.broker"] == []


async def send(url: str, key: bytes, header: bytes, body: bytes) -> bool:
    """Send a request message on a connection of its own. Whether the broker takes it."""
    async with RawPublisher(url) as raw:
        try:
            await raw.publish(REQUESTS, key, header, body)
        except RefusedByBroker:
            return False
    return True


def counted(replica: Replica, before: Counter[str]) -> dict[str, int]:
    """What the replica has counted since."""
    return dict(replica.counts - before)


def reasons(kept: list[Delivery]) -> list[tuple[bytes, object]]:
    """What was put aside, and why."""
    return [(delivery.body, delivery.headers[REASON]) for delivery in kept]


async def junk(stage: Stage) -> list[tuple[bytes, object]]:
    """What lies in the server's junk queue, and why."""
    return reasons(await lying(stage.url, junk_queue(SERVER), junk_route(SERVER)))


async def dead(stage: Stage) -> list[tuple[bytes, object]]:
    """What lies in the server's dead queue, and why."""
    return reasons(await lying(stage.url, dead_queue(SERVER), dead_route(SERVER)))


async def still_queued(stage: Stage) -> list[Delivery]:
    """What the replica left in its queue."""
    return await lying(stage.url, call_queue(SERVER), Route(REQUESTS, SERVER))


# --- what proves no sender --------------------------------------------------------------------------


@pytest.mark.promise("P1", "P2", "P3", "P6", "P9")
async def test_what_nobody_signed_is_counted_and_kept_and_gets_no_answer(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """One after the other, and a good call behind each, which the same replica answers over the same
    connections.
    """
    forger = Forger(stage)
    told: dict[str, dict[str, int]] = {}
    sent: list[tuple[bytes, object]] = []
    async with watched(stage, caplog) as watch, stage.client() as client:
        for name, hostile in UNSIGNED.items():
            before, body = watch.replica.counts.copy(), hostile.body(forger)
            taken = await send(
                stage.url, request_key(SERVER, "").encode() + hostile.tool, hostile.properties, body
            )
            assert await client.call(add, [1]) == Total(count=1, total=1.0)
            told[name] = counted(watch.replica, before)
            if taken:
                sent.append((body, hostile.reason))
            else:
                assert hostile.may_be_refused
                del told[name]
        good = reply_key(client.client_id, client.instance)
        answered = [delivery.routing_key for delivery in await watch.replies.everything()]
    assert told == {name: {f"junk.{UNSIGNED[name].reason}": 1} for name in told}
    assert answered == [good] * len(UNSIGNED)
    assert await junk(stage) == sent
    assert await dead(stage) == []
    assert await still_queued(stage) == []
    assert stage.diary.lines() == []


@pytest.mark.promise("P6", "P9")
async def test_fifty_hostile_messages_among_fifty_good_calls_cost_none_of_them(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """In one stream, in any order: each good call runs once and is answered once, nothing comes twice."""
    forger = Forger(stage)
    hostile = [
        (BOOK.replace(b"book", one.tool), one.properties, one.body(forger), one.reason)
        for one in islice(cycle(one for one in UNSIGNED.values() if not one.may_be_refused), MANY)
    ]
    async with (
        watched(stage, caplog) as watch,
        Handmade(stage.url, stage.home) as hand,
        RawPublisher(stage.url) as raw,
    ):
        good = [seal(hand.request("book", {"item": str(n)}), hand.signer) for n in range(MANY)]
        stream = [*((key, header, body) for key, header, body, _ in hostile)]
        stream += [(BOOK, LINES, line) for line in good]
        random.Random(20261122).shuffle(stream)
        for key, header, body in stream:
            await raw.publish(REQUESTS, key, header, body)
        answers = [await hand.answer(digest(line)) for line in good]
        assert all(answer.ok for answer in answers)
        await wait_until(lambda: junked(watch.replica) == MANY, 15, "all hostile messages put aside")
        answered = [answer.body for answer in await watch.replies.everything()]
        assert len(answered) == MANY
    assert sorted(stage.diary.lines()) == sorted(f"book {n}" for n in range(MANY))
    assert Counter(await junk(stage)) == Counter((body, reason) for _, _, body, reason in hostile)
    assert await dead(stage) == []
    assert await still_queued(stage) == []


def junked(replica: Replica) -> int:
    """How much the replica has put aside as junk."""
    return sum(number for name, number in replica.counts.items() if name.startswith("junk."))


@pytest.mark.promise("P2")
async def test_properties_that_can_be_decoded_decide_nothing(stage: Stage) -> None:
    """A good line is answered as its bytes say, whatever stands around it."""
    forger = Forger(stage)
    async with stage.replica(), Handmade(stage.url, stage.home) as hand, RawPublisher(stage.url) as raw:
        for header in DECORATIONS.values():
            line = forger.line()
            await raw.publish(REQUESTS, BOOK, header, line)
            assert (await hand.answer(digest(line))).ok


# --- what is signed -------------------------------------------------------------------------------------


@pytest.mark.promise("P2", "P5", "P6", "P9")
async def test_what_is_signed_and_refused_gets_one_coded_answer_and_leaves_no_record(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer goes to whoever owns the key. Behind each, the same request id is free for a good one."""
    forger = Forger(stage)
    told: dict[str, Code | None] = {}
    async with watched(stage, caplog) as watch, Handmade(stage.url, stage.home) as hand:
        for number, (name, refused) in enumerate(REFUSED.items()):
            request_id = f"request-{number}"
            line = refused.line(forger, request_id)
            assert await send(stage.url, refused.key.encode(), LINES, line)
            answer = await hand.answer(digest(line))
            assert (answer.ok, answer.status, answer.request_id) == (False, "error", request_id)
            told[name] = answer.error.code if answer.error else None
            assert (await hand.ask(hand.request("book", {"item": name}, request_id=request_id))).ok
        answered = [delivery.routing_key for delivery in await watch.replies.everything()]
    assert told == {name: refused.code for name, refused in REFUSED.items()}
    assert answered == [reply_key(hand.client_id, INSTANCE)] * (2 * len(REFUSED))
    assert stage.diary.lines() == [f"book {name}" for name in REFUSED]
    assert await junk(stage) == await dead(stage) == []
    assert await still_queued(stage) == []


async def test_a_refusal_of_another_version_says_which_one_is_spoken(stage: Stage) -> None:
    forger = Forger(stage)
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        line = forger.with_fields("request-1", v="toolwire/2")
        await send(stage.url, BOOK, LINES, line)
        error = (await hand.answer(digest(line))).error
        assert error is not None
        assert error.data == {"supported": [VERSION]}


async def test_a_refusal_of_an_envelope_names_the_fields_and_repeats_no_value(stage: Stage) -> None:
    forger = Forger(stage)
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        line = forger.with_fields("request-1", nonce="a secret", deadline_ms="another secret", note="secret")
        await send(stage.url, BOOK, LINES, line)
        error = (await hand.answer(digest(line))).error
        assert error is not None
        assert error.fields is not None
        assert {field.path for field in error.fields} == {"/nonce", "/deadline_ms", "/note"}
        assert "secret" not in error.model_dump_json()


@pytest.mark.promise("P6", "P9")
async def test_what_is_signed_and_cannot_be_answered_is_put_aside_with_its_reason(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """The signer's own mistake: no way home can be read in it."""
    forger = Forger(stage)
    told: dict[str, dict[str, int]] = {}
    sent: list[tuple[bytes, object]] = []
    async with watched(stage, caplog) as watch, stage.client() as client:
        for name, unreadable in UNREADABLE.items():
            before, line = watch.replica.counts.copy(), unreadable.line(forger)
            assert await send(stage.url, BOOK, LINES, line)
            assert await client.call(add, [1]) == Total(count=1, total=1.0)
            told[name] = counted(watch.replica, before)
            sent.append((line, unreadable.reason.value))
        answers = await watch.replies.everything()
    assert told == {name: {f"dead.{unreadable.reason}": 1} for name, unreadable in UNREADABLE.items()}
    assert len(answers) == len(UNREADABLE)
    assert await dead(stage) == sent
    assert await junk(stage) == []
    assert await still_queued(stage) == []
    assert stage.diary.lines() == []


# --- many lines in one message --------------------------------------------------------------------------


@pytest.mark.promise("P9")
async def test_of_many_lines_in_one_message_each_bad_one_costs_itself(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Good, refused, unreadable and forged lines of three clients share a message."""
    forger = Forger(stage)
    async with (
        watched(stage, caplog),
        Handmade(stage.url, stage.home) as one,
        Handmade(stage.url, stage.home, CLIENTS[1]) as other,
        Handmade(stage.url, stage.home, HMAC_CLIENT) as sharing,
    ):
        hands = (one, other, sharing)
        good = [seal(booking(hand, str(n)), hand.signer) for n in range(4) for hand in hands]
        forged = [forger.line(forger.impostor), b"{}", b"\x00", forger.line(type_="response")]
        refused = [REFUSED[name].line(forger, f"request-{n}") for n, name in enumerate(SOME_REFUSED)]
        unreadable = [UNREADABLE[name].line(forger) for name in ("NaN", "two keys alike", "no request id")]
        lines = [*good, *forged, *refused, *unreadable]
        random.Random(20261122).shuffle(lines)
        assert await send(stage.url, BOOK, LINES, b"\n".join(lines))
        for number, line in enumerate(good):
            assert (await hands[number % len(hands)].answer(digest(line))).ok
        told = [(await one.answer(digest(line))).error for line in refused]
        assert [error and error.code for error in told] == [REFUSED[name].code for name in SOME_REFUSED]
    assert Counter(stage.diary.lines()) == {f"book {n}": len(hands) for n in range(4)}
    assert {body for body, _ in await junk(stage)} == set(forged)
    assert {body for body, _ in await dead(stage)} == set(unreadable)
    assert await still_queued(stage) == []


SOME_REFUSED = ("an extra field", "the next version", "the name of somebody else", "a deadline long past")


def booking(hand: Handmade, item: str) -> Request:
    """A good request, which leaves a note."""
    return hand.request("book", {"item": item})


async def test_a_message_of_as_many_lines_as_it_may_hold_is_answered_line_by_line(stage: Stage) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        lines = [seal(booking(hand, str(number)), hand.signer) for number in range(MAX_LINES)]
        await send(stage.url, BOOK, LINES, b"\n".join(lines))
        answers = await asyncio.gather(*(hand.answer(digest(line)) for line in lines))
        assert all(answer.ok for answer in answers)
    assert len(set(stage.diary.lines())) == MAX_LINES


async def test_the_largest_message_that_is_allowed_is_looked_at(stage: Stage) -> None:
    """One byte more is refused without an answer, as the table has it."""
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        small = hand.request("add", {"numbers": [1], "more": ""})
        spare = MAX_BODY_BYTES - len(seal(small, hand.signer))
        large = small.model_copy(update={"args": {"numbers": [1], "more": "x" * spare}})
        assert len(seal(large, hand.signer)) == MAX_BODY_BYTES
        assert await hand.refusal(large) is Code.INVALID_ARGS


# --- what is written down about it --------------------------------------------------------------------------


async def test_an_attacker_cannot_write_lines_into_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """The routing key is told, and it is the attacker's own text."""
    async with stage.replica() as replica:
        await send(stage.url, BOOK + b"\nERROR the replica is fine", LINES, b"{}")
        await wait_until(lambda: replica.counts["junk.bad_envelope"], 15, "the message put aside")
    told = [record.getMessage() for record in caplog.records if "bad_envelope" in record.getMessage()]
    assert len(told) == 1
    assert "\n" not in told[0]
