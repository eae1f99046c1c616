"""The attacker has a key: it is a client of the registry that turned bad, or stole the key of one, which is
revoked (the story begins in `test_attacker.py`).
"""

import asyncio
import time

import pytest

from tests.adversity.attacker import Attacker
from tests.adversity.forger import change_key
from tests.handmade import INSTANCE, Handmade
from tests.served import SERVER, Total, add, peek
from tests.stage import CLIENTS, PATIENCE_S, Stage
from tests.waiting import wait_until, wait_until_told
from toolwire.broker.topology import REQUESTS, reply_key, request_key
from toolwire.contracts.errors import Code
from toolwire.contracts.sealing import digest, seal

BOOK = request_key(SERVER, "book")
MANY = 200
SLOW_S = 10.0
"""How long the call of a client may take whose neighbour floods; alone it takes a hundredth of it."""


@pytest.mark.promise("P5", "P6")
async def test_a_client_that_names_somebody_else_is_answered_itself(stage: Stage) -> None:
    """Nothing reaches whoever it named, in whose queue it would look like an answer."""
    async with stage.replica(), Attacker(stage) as attacker, Handmade(stage.url, stage.home) as hand:
        named = hand.request("book", {"item": "loot"}, client_id=CLIENTS[1])
        assert await hand.refusal(named) is Code.FORBIDDEN
        homes = [answer.routing_key for answer in await attacker.replies.everything()]
        assert homes == [reply_key(CLIENTS[0], INSTANCE)]
    assert stage.diary.lines() == []


@pytest.mark.promise("P3", "P4")
async def test_the_captured_lines_of_a_key_die_with_it(stage: Stage) -> None:
    """A line that never ran, and would be fresh for a minute: a running replica refuses it once it reads of
    the revocation.
    """
    async with (
        stage.replica() as replica,
        Handmade(stage.url, stage.home) as hand,
        Attacker(stage) as attacker,
    ):
        line = seal(hand.request("book", {"item": "loot"}), hand.signer)
        change_key(stage.home, "clients", CLIENTS[0], revoked=True)

        async def refused() -> bool:
            await attacker.send(REQUESTS, request_key(SERVER, "sell"), line)
            return replica.counts["junk.revoked_key"] > 0

        await wait_until_told(refused, PATIENCE_S, "the revocation heard")
        await attacker.send(REQUESTS, BOOK, line)
        async with stage.client(CLIENTS[1]) as client:
            await client.call(add, [1])
    assert stage.diary.lines() == []


@pytest.mark.promise("P9")
async def test_a_client_gets_no_more_than_its_rate_and_its_neighbour_notices_nothing(stage: Stage) -> None:
    """A burst of two seconds is let through; each line of the rest costs its sender a refusal."""
    stage.limit(CLIENTS[0], rate=10)
    async with (
        stage.replica(),
        Handmade(stage.url, stage.home) as hand,
        stage.client(CLIENTS[1]) as neighbour,
        Attacker(stage) as attacker,
    ):
        lines = [seal(hand.request("book", {"item": str(n)}), hand.signer) for n in range(MANY)]
        began = time.monotonic()
        flooding = asyncio.create_task(attacker.flood(REQUESTS, BOOK, lines))
        assert await neighbour.options(timeout=SLOW_S).call(add, [1]) == Total(count=1, total=1.0)
        await flooding
        await wait_until(lambda: len(hand.responses) == MANY, PATIENCE_S, "every line answered")
        seconds = time.monotonic() - began
    refused = [answer.error for answer in hand.responses if answer.error is not None]
    assert {error.code for error in refused} == {Code.RATE_LIMITED}
    assert 20 <= len(stage.diary.lines()) == MANY - len(refused) <= 20 + 10 * seconds + 1


@pytest.mark.promise("P9")
async def test_a_client_takes_no_more_places_than_it_may_and_leaves_the_others(stage: Stage) -> None:
    """Its calls never end. Those that are too many are refused at once, and hold nobody up."""
    stage.limit(CLIENTS[0], max_running=2)
    async with (
        stage.replica(places=4),
        Handmade(stage.url, stage.home) as hand,
        stage.client(CLIENTS[1]) as neighbour,
        Attacker(stage) as attacker,
    ):
        lines = [seal(hand.request("peek", {"gate": "gate"}), hand.signer) for _ in range(MANY)]
        await attacker.flood(REQUESTS, request_key(SERVER, "peek"), lines)
        assert await neighbour.options(timeout=SLOW_S).call(add, [1]) == Total(count=1, total=1.0)
        await wait_until(lambda: len(hand.responses) == MANY - 2, PATIENCE_S, "the others refused")
        assert stage.diary.lines() == ["peek gate"] * 2
        stage.diary.open("gate")
        answers = await asyncio.gather(*(hand.answer(digest(line)) for line in lines))
        assert sum(answer.ok for answer in answers) == 2
        assert await neighbour.call(peek, "gate") == "gate"
