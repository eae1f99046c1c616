"""The attacker who may also declare, consume and delete queues (the story begins in `test_attacker.py`).

Whoever may do that to the queues of a service or of a client can keep messages from arriving: permissions
of the broker have to stand in the way. What is promised all the same: nobody is lied to, nobody hangs,
nothing runs twice, and everything goes on when the attacker is gone.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.adversity.attacker import Attacker, taking
from tests.adversity.lies import OTHER_SERVER, Liar
from tests.served import SERVER, Made, Total, add, bake, book
from tests.stage import CLIENTS, PATIENCE_S, Stage
from tests.waiting import wait_until, wait_until_told
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.topology import (
    CONTROL,
    DEAD,
    EVENTS,
    JOBS,
    JUNK,
    REPLIES,
    REQUESTS,
    Binding,
    Queue,
    call_queue,
    job_queue,
    named_reply_queue,
    request_key,
)
from toolwire.client import (
    AccessDenied,
    AnswerNotVerified,
    CallFailed,
    Client,
    ConfigurationError,
    DeadlineExceeded,
    NotAccepted,
)

SHORT_S = 2.0
JUNK_MESSAGES = 200


class Thief:
    """Takes messages out of a queue, and acks them."""

    def __init__(self) -> None:
        self.stolen: list[Delivery] = []
        self._acking: list[asyncio.Task[bool]] = []

    def take(self, delivery: Delivery) -> None:
        """Keep the message, and let the broker forget it."""
        self.stolen.append(delivery)
        self._acking.append(asyncio.create_task(delivery.ack()))

    async def done(self) -> None:
        """Wait for the acks."""
        await asyncio.gather(*self._acking)


@asynccontextmanager
async def declared(url: str, queue: Queue) -> AsyncGenerator[None]:
    """A queue of the attacker's, which nobody consumes; `exclusive` ones go with the block."""
    subscription = Subscription(lambda: queue, prefetch=1, handler=lambda _: None)
    async with Consumer([url], name="attacker", subscriptions=[subscription]) as consumer:
        await consumer.wait_ready(PATIENCE_S)
        await consumer.pause()
        yield


@pytest.mark.promise("P4", "P7")
async def test_a_stolen_request_ends_in_a_typed_error_and_is_safe_to_send_again(stage: Stage) -> None:
    """The thief consumes the server's queue beside its replica, which gets every second message."""
    thief = Thief()
    async with stage.replica(), stage.client(timeout=SHORT_S) as client:
        again = client.options(request_id="order-17")
        async with taking(stage.url, call_queue(SERVER), thief.take):
            calls = [await told(again.call(book, "table")) for _ in range(2)]
            jobs = [await told(client.submit(bake, "gate")) for _ in range(2)]
            await thief.done()
        assert len(thief.stolen) == 2
        assert {each for each in calls if each} == {DeadlineExceeded}
        assert {each for each in jobs if each} == {NotAccepted}
        assert await client.options(request_id="order-17", timeout=PATIENCE_S).call(book, "table") == 1
    assert stage.diary.lines().count("book table") == 1


async def told(asking: Coroutine[object, object, object]) -> type[CallFailed] | None:
    """How it failed, or None."""
    try:
        await asking
    except CallFailed as error:
        return type(error)
    return None


@pytest.mark.promise("P1", "P3", "P7")
async def test_another_server_that_steals_a_request_cannot_answer_it(stage: Stage) -> None:
    """It is pinned, for its own name; the caller is told that somebody tried."""
    liar, thief = Liar(stage), Thief()
    async with stage.client(timeout=SHORT_S) as client, Attacker(stage) as attacker:
        async with taking(stage.url, call_queue(SERVER), thief.take), asyncio.TaskGroup() as group:
            calling = group.create_task(refused(client.call(add, [1])))
            await wait_until(lambda: thief.stolen, PATIENCE_S, "the request stolen")
            liar.line = thief.stolen[0].body
            await attacker.to_client(client, liar.signed(liar.response(), liar.other_server))
            own = liar.response(server_id=OTHER_SERVER)
            await attacker.to_client(client, liar.signed(own, liar.other_server))
            assert "foreign_key" in str(await calling)
        assert dict(client.dropped) == {"foreign_key": 1, "wrong_server": 1}
        await thief.done()


async def refused(call: Coroutine[object, object, object]) -> AnswerNotVerified:
    """What the call raises."""
    with pytest.raises(AnswerNotVerified) as raised:
        await call
    return raised.value


@pytest.mark.promise("P7")
async def test_a_reply_queue_that_somebody_declared_first_is_told_at_once(stage: Stage) -> None:
    """With other arguments: a named instance has nowhere to hear. Under another name, or unnamed, it has."""
    theirs = Queue(named_reply_queue(CLIENTS[0], "desk").name, arguments={"x-max-length": 1})
    async with stage.replica(), declared(stage.url, theirs), stage.client(instance="desk") as client:
        with pytest.raises(ConfigurationError, match="declared otherwise"):
            await client.call(add, [1])
        async with stage.client(instance="other-desk") as other:
            assert await other.call(add, [1]) == Total(count=1, total=1.0)


@pytest.mark.promise("P7")
async def test_a_reply_queue_that_somebody_consumes_is_told_at_once_and_found_free_later(
    stage: Stage,
) -> None:
    """The client has it to itself or not at all, so that no answer goes to somebody else unnoticed."""
    thief = Thief()
    async with stage.replica(), AsyncExitStack() as later:
        async with taking(stage.url, named_reply_queue(CLIENTS[0], "desk"), thief.take):
            client = await later.enter_async_context(stage.client(instance="desk"))
            with pytest.raises(AccessDenied):
                await client.call(add, [1])
        assert await until_answered(client) == Total(count=1, total=1.0)


async def until_answered(client: Client) -> Total:
    """Call until nothing is in the way any more."""

    async def answered() -> bool:
        try:
            await client.call(add, [1])
        except AccessDenied:
            return False
        return True

    await wait_until_told(answered, PATIENCE_S, "the queue free")
    return await client.call(add, [1])


@pytest.mark.promise("P7", "P9")
@pytest.mark.parametrize("exchange", [REQUESTS, REPLIES, EVENTS, JOBS, CONTROL, JUNK, DEAD])
async def test_a_queue_that_refuses_everything_stops_nobody(stage: Stage, exchange: str) -> None:
    """Bound to an exchange, it has each publisher there nacked, although the true queues took the message."""
    full = Queue(
        "full",
        (Binding(exchange, "#"),),
        durable=False,
        exclusive=True,
        arguments={"x-max-length": 0, "x-overflow": "reject-publish"},
    )
    stage.diary.open("gate")
    async with stage.replica() as replica, stage.client(timeout=60) as client, Attacker(stage) as attacker:
        async with declared(stage.url, full):
            if exchange != REQUESTS:
                await attacker.flood(REQUESTS, request_key(SERVER, "book"), [b"junk"] * JUNK_MESSAGES)
            began = time.monotonic()
            assert await client.call(add, [1]) == Total(count=1, total=1.0)
            assert await client.call(bake, "gate") == Made(payload=None, attempt=1)
            assert time.monotonic() - began < PATIENCE_S
        await client.call(add, [1])
        assert replica.ready
    assert stage.diary.lines() == ["bake gate 1", "bake gate 1 is over"]


@pytest.mark.promise("P7", "P9")
async def test_queues_that_are_deleted_are_there_again(stage: Stage) -> None:
    """What lay in them is lost to everybody; what comes next is served."""
    async with stage.replica(), stage.client(instance="desk") as client, Attacker(stage) as attacker:
        for name in (
            call_queue(SERVER).name,
            job_queue(SERVER).name,
            named_reply_queue(CLIENTS[0], "desk").name,
        ):
            await attacker.delete_queue(name)
            await wait_until_told(lambda: answers(client), PATIENCE_S, f"calls answered without {name}")


async def answers(client: Client) -> bool:
    """Whether a call is answered; where not, by a typed error."""
    try:
        return await client.options(timeout=SHORT_S).call(add, [1]) == Total(count=1, total=1.0)
    except CallFailed:
        return False
