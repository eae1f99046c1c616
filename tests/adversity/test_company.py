"""Lines that travel together: none of them shares the fate of another."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

from tests.adversity.doomed import doomed
from tests.adversity.minefield import MINE, minefield
from tests.adversity.tap import Tap, lying
from tests.handmade import Handmade
from tests.served import SERVER, Diary
from tests.stage import GRACE_S, PATIENCE_S, Stage
from tests.waiting import wait_until, wait_until_told
from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.publish import Outgoing, Publisher
from toolwire.broker.topology import (
    REQUESTS,
    Queue,
    Route,
    call_queue,
    dead_queue,
    dead_route,
    junk_queue,
    junk_route,
    request_route,
)
from toolwire.contracts.envelopes import Response
from toolwire.contracts.errors import Code
from toolwire.contracts.lines import MAX_LINES, join
from toolwire.contracts.sealing import digest, seal
from toolwire.services import Replica
from toolwire.services.requests import calls
from toolwire.testing.brokers import Broker

SOON_S = 45.0
"""By when a handful of replicas have died one after the other."""
LIMIT = 6
"""How often the broker delivers what comes back: a policy makes it less than the queue's own twenty."""


async def send(stage: Stage, tool: str, lines: Sequence[bytes]) -> None:
    """Send lines in one message, confirmed."""
    async with Publisher([stage.url], name="company") as publisher:
        message = Outgoing(request_route(SERVER, tool), join(lines), "request", secrets.token_hex(8))
        await publisher.publish(message, timeout=PATIENCE_S)


def sealed(hand: Handmade, tool: str, *several: dict[str, Any]) -> list[bytes]:
    """A line for each of the arguments."""
    return [seal(hand.request(tool, args), hand.signer) for args in several]


async def still_queued(stage: Stage) -> list[Delivery]:
    """What nobody has acked."""
    return await lying(stage.url, call_queue(SERVER), Route(REQUESTS, SERVER))


def virtual_host(stage: Stage) -> str:
    """The stage's virtual host, for a path of the management API."""
    return quote(urlsplit(stage.url).path[1:], safe="")


def lower_the_delivery_limit(stage: Stage, broker: Broker) -> None:
    """As an operator would."""
    policy = {"pattern": r"^tw\.call", "apply-to": "queues", "definition": {"delivery-limit": LIMIT}}
    assert broker.management is not None
    broker.management.request("PUT", f"/api/policies/{virtual_host(stage)}/few", policy)


@asynccontextmanager
async def restarted(stage: Stage, folder: Path) -> AsyncGenerator[None]:
    """A replica of the minefield, started again whenever it dies."""
    settings = {"home": stage.home.path, "broker_url": stage.url, "lease_s": 1, "grace_s": GRACE_S}

    async def keep() -> None:
        while True:
            with suppress(EOFError):  # it died before it could say that it is ready
                async with doomed(SERVER, folder, "", settings, minefield) as replica:
                    await wait_until(lambda: not replica.process.is_alive(), SOON_S, "its end")

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@pytest.mark.promise("P4", "P8", "P9")
async def test_a_line_that_kills_its_replica_takes_no_neighbour_with_it(
    stage: Stage, broker: Broker, tmp_path: Path
) -> None:
    """Nine lines beside it are answered, and it ends among the dead. What is recorded runs once at the most,
    and has one ending.
    """
    lower_the_delivery_limit(stage, broker)
    looks = [*range(5), MINE, *range(5, 9)]
    steps = range(100, 110)
    async with Handmade(stage.url, stage.home) as hand:
        killer = sealed(hand, "look", *({"at": at} for at in looks))
        recorded = sealed(hand, "step", *({"at": at} for at in steps))
        async with stage.replica():
            pass  # its queues are there from now on
        await send(stage, "look", killer)
        await send(stage, "step", recorded)
        async with restarted(stage, tmp_path), Tap(*the_dead(stage)) as dead:
            waiting = [digest(line) for line in [*killer[:5], *killer[6:], *recorded]]
            answers = {each: await told(hand, each) for each in waiting}
            await wait_until_told(lambda: is_there(dead, killer[5]), SOON_S, "the killer among the dead")
            buried = [one.body for one in await dead.everything()]
    assert buried == [killer[5]]
    assert Diary(tmp_path).lines().count(f"look {MINE}") > LIMIT
    assert [answers[digest(line)].result for line in [*killer[:5], *killer[6:]]] == [*range(9)]
    endings = [answers[digest(line)] for line in recorded]
    assert all(each.ok or (each.error and each.error.code is Code.INTERRUPTED) for each in endings)
    ran = Counter(line for line in Diary(tmp_path).lines() if line.startswith("step"))
    assert set(ran.values()) <= {1}


def the_dead(stage: Stage) -> tuple[str, Queue, Route]:
    """Where the dead of the server lie."""
    return stage.url, dead_queue(SERVER), dead_route(SERVER)


async def told(hand: Handmade, asked: str) -> Response:
    """The first answer to an attempt, which may take several replicas."""
    await wait_until(lambda: any(one.request_digest == asked for one in hand.responses), SOON_S, "an answer")
    return next(one for one in hand.responses if one.request_digest == asked)


async def is_there(tap: Tap, body: bytes) -> bool:
    """Whether that message has come by."""
    return any(one.body == body for one in await tap.everything())


@pytest.mark.promise("P7")
async def test_a_slow_line_does_not_hold_up_its_neighbours(stage: Stage) -> None:
    stage.diary.open("open")
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        slow, *quick = sealed(hand, "peek", {"gate": "shut"}, *({"gate": "open"} for _ in range(9)))
        await send(stage, "peek", [*quick[:5], slow, *quick[5:]])
        answers = await asyncio.gather(*(hand.answer(digest(line)) for line in quick))
        assert [answer.result for answer in answers] == ["open"] * 9
        stage.diary.open("shut")
        assert (await hand.answer(digest(slow))).result == "shut"


async def test_slow_lines_of_one_message_spread_over_the_replicas(stage: Stage) -> None:
    """All of them run at the same time, though no replica has places for more than half of them."""
    half = MAX_LINES // 2
    async with (
        stage.replica(places=half),
        stage.replica(places=half),
        stage.replica(places=half),
        Handmade(stage.url, stage.home) as hand,
    ):
        lines = sealed(hand, "peek", *({"gate": "gate"} for _ in range(MAX_LINES)))
        await send(stage, "peek", lines)
        await stage.noted("peek gate", times=MAX_LINES)
        stage.diary.open("gate")
        answers = await asyncio.gather(*(hand.answer(digest(line)) for line in lines))
    assert [answer.result for answer in answers] == ["gate"] * MAX_LINES
    assert len(stage.diary.lines()) == MAX_LINES


@pytest.mark.promise("P8")
async def test_of_a_message_a_stopping_replica_finishes_what_runs_and_hands_on_the_rest(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are not run a second time for it."""
    monkeypatch.setattr(calls, "MOVABLE_PATIENCE_S", PATIENCE_S)
    monkeypatch.setattr(calls, "PLACE_PATIENCE_S", PATIENCE_S)
    async with Handmade(stage.url, stage.home) as hand:
        async with stage.replica(places=2):
            lines = sealed(hand, "peek", *({"gate": "gate"} for _ in range(6)))
            await send(stage, "peek", lines)
            await stage.noted("peek gate", times=2)
            stopping = asyncio.get_running_loop().call_later(0.1, stage.diary.open, "gate")
        stopping.cancel()
        assert stage.diary.lines() == ["peek gate"] * 2
        async with stage.replica():
            answers = await asyncio.gather(*(hand.answer(digest(line)) for line in lines))
    assert [answer.result for answer in answers] == ["gate"] * 6
    assert stage.diary.lines() == ["peek gate"] * 6


@pytest.fixture
def serving_url(stage: Stage, broker: Broker) -> Iterator[str]:
    """The stage's broker as a user that may do what a service needs, but not publish requests."""
    assert broker.management is not None
    name, parts = f"serving-{secrets.token_hex(4)}", urlsplit(stage.url)
    rights = {"configure": "^tw\\.", "write": "^tw\\.(?!requests$)", "read": "^tw\\."}
    broker.management.request("PUT", f"/api/users/{name}", {"password": name, "tags": ""})
    broker.management.request("PUT", f"/api/permissions/{virtual_host(stage)}/{name}", rights)
    yield urlunsplit(parts._replace(netloc=f"{name}:{name}@{parts.hostname}:{parts.port}"))
    broker.management.request("DELETE", f"/api/users/{name}")


@pytest.mark.promise("P4", "P8")
async def test_a_replica_that_may_not_publish_requests_handles_suspects_one_after_the_other(
    stage: Stage, serving_url: str
) -> None:
    """What a lost replica held: six lines wait at a gate, and the next replica begins with one of them."""
    async with Handmade(stage.url, stage.home) as hand:
        lines = sealed(hand, "peek", *({"gate": str(number)} for number in range(6)))
        async with stage.process() as doomed:
            await send(stage, "peek", lines)
            await wait_until(lambda: len(stage.diary.lines()) == 6, PATIENCE_S, "all of them run")
            await doomed.kill()
        async with stage.replica(broker_url=serving_url):
            for begun in range(7, 13):
                await wait_until(lambda: len(stage.diary.lines()) >= begun, PATIENCE_S, "the next one")  # noqa: B023
                stage.diary.open(stage.diary.lines()[-1].removeprefix("peek "))
            answers = await asyncio.gather(*(hand.answer(digest(line)) for line in lines))
    assert [answer.result for answer in answers] == [str(number) for number in range(6)]
    assert Counter(stage.diary.lines()) == {f"peek {number}": 2 for number in range(6)}


@pytest.mark.promise("P6", "P9")
async def test_a_message_of_junk_that_comes_again_is_put_aside_once(stage: Stage) -> None:
    """Nothing of it is published again as a request, and nobody waits behind it."""
    hostile = [b'{"junk":%d}' % number for number in range(MAX_LINES - 1)]
    async with Handmade(stage.url, stage.home) as hand:
        [good] = sealed(hand, "add", {"numbers": [1]})
        async with stage.replica():
            pass  # its queues are there from now on
        await send(stage, "add", [*hostile, good])
        await given_back_once(stage)
        async with stage.replica() as replica, Tap(stage.url, junk_queue(SERVER), junk_route(SERVER)) as junk:
            assert (await hand.answer(digest(good))).ok
            await wait_until(lambda: junked(replica) == len(hostile), PATIENCE_S, "all of it put aside")
            assert {one.body for one in await junk.everything()} == set(hostile)
    assert await still_queued(stage) == []


def junked(replica: Replica) -> int:
    """How much of what it got the replica has put aside."""
    return replica.counts["junk.bad_envelope"]


async def given_back_once(stage: Stage) -> None:
    """Take what lies in the server's queue, and give it back."""
    taken: list[Delivery] = []
    subscription = Subscription(lambda: call_queue(SERVER), 1, taken.append)
    async with Consumer([stage.url], name="taker", subscriptions=[subscription]) as consumer:
        await consumer.wait_ready(PATIENCE_S)
        await wait_until(lambda: taken, PATIENCE_S, "a delivery")
