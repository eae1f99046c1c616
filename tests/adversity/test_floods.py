"""The attacker sends more than anybody could read (the story begins in `test_attacker.py`): it fills reply
queues, and it drowns a replica in the largest bodies that are allowed, while the replica's memory is watched.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.adversity.attacker import Attacker, home_of, waiting
from tests.adversity.forger import MIB, Forger, another_first, sign_otherwise
from tests.adversity.lies import Liar
from tests.adversity.memory import Memory
from tests.adversity.tap import Tap
from tests.served import SERVER, Made, Total, add, bake, book
from tests.stage import CLIENTS, PATIENCE_S, Stage
from tests.unit.contracts.samples import forge
from tests.waiting import wait_until_told
from toolwire.broker.topology import REPLIES, REQUESTS, junk_queue, junk_route, reply_key, request_key
from toolwire.client import Client
from toolwire.contracts.lines import MAX_BODY_BYTES, MAX_LINES

MANY = 20_000
KEPT_FOR_A_CLIENT = 10_000
"""What a reply queue holds (topology)."""
KEPT_JUNK_BYTES = 64 * MIB
"""What a junk queue holds (topology)."""


# --- fill the reply queue ---------------------------------------------------------------------------


def lies(liar: Liar, line: bytes) -> list[bytes]:
    """Junk for a client, every tenth one with a signature that it has to check."""
    liar.line = line
    return [*[b"junk"] * 9, sign_otherwise(liar.signed(liar.response()), another_first)] * (MANY // 10)


@pytest.mark.promise("P7", "P9")
async def test_a_client_that_is_flooded_while_it_waits_gets_its_answer(stage: Stage) -> None:
    """Its call goes on, and the service is not nacked."""
    liar = Liar(stage)
    async with (
        stage.replica() as replica,
        stage.client(timeout=3 * PATIENCE_S) as client,
        Attacker(stage) as attacker,
    ):
        async with waiting(stage, client, attacker) as captured:
            await attacker.flood(REPLIES, home_of(client), lies(liar, captured.body))
        assert await client.call(book, "table") == 2
        assert dict(client.dropped).keys() == {"bad_signature", "bad_envelope"}
        assert dict(replica.counts) == {}


@pytest.mark.promise("P7", "P8")
async def test_a_flooded_queue_whose_client_is_away_is_bounded_and_no_job_is_lost(stage: Stage) -> None:
    """The oldest go, and the events of the job with them: its result is found by a poll."""
    liar = Liar(stage)
    async with stage.replica() as replica:
        async with stage.client(instance="desk") as client, Attacker(stage) as attacker:
            job = await client.submit(bake, "gate")
            captured = await attacker.request()
            # An event on its way to the attacker's queue, too, would be nacked when that is deleted.
            await wait_until_told(lambda: has_told(attacker, 2), PATIENCE_S, "it is accepted and started")
        async with Attacker(stage) as attacker:
            stage.diary.open("gate")
            await stage.noted("bake gate 1 is over")
            await wait_until_told(lambda: has_told(attacker, 1), PATIENCE_S, "it is done")
            await attacker.flood(REPLIES, reply_key(CLIENTS[0], "desk"), lies(liar, captured.body))
        async with stage.client(instance="desk") as client:
            found = client.job(job.id, returns=Made)
            assert await found.result(timeout=PATIENCE_S) == Made(payload=None, attempt=1)
            assert await client.call(add, [1]) == Total(count=1, total=1.0)
            assert sum(client.dropped.values()) <= KEPT_FOR_A_CLIENT
        assert dict(replica.counts) == {}


# --- drown ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flood:
    """Messages for the tool `mirror`, and how many bytes of memory each byte of theirs may cost a replica."""

    body: Callable[[Forger], bytes]
    count: int
    factor: int


def filled(forger: Forger, filling: bytes) -> bytes:
    """As large a request as is allowed, with so much of that in a list."""
    empty = forger.payload(tool="mirror", args={"value": [0]})
    room = (MAX_BODY_BYTES - len(empty) - 200) // len(filling)  # 200: the signature
    return forge(empty.replace(b"[0]", b"[" + filling * room + b"0]"), forger.own)


def lines(forger: Forger) -> bytes:
    """As many lines as are allowed in one message, as large as they may be."""
    size = MAX_BODY_BYTES // MAX_LINES - 1000
    one = [forger.line(tool="mirror", args={"value": "x" * size}) for _ in range(MAX_LINES)]
    return b"\n".join(one)


FLOODS = {
    "forged": Flood(lambda f: sign_otherwise(filled(f, b"1,"), another_first), count=80, factor=2),
    "signed, 64 lines": Flood(lines, count=5, factor=4),
    "signed and refused": Flood(
        lambda f: f.line(tool="mirror", args={"values": "x" * (MAX_BODY_BYTES - 1000)}), count=15, factor=4
    ),
    "brackets of an authentic client": Flood(lambda f: filled(f, b"[],"), count=2, factor=8),
    "deep brackets of an authentic client": Flood(
        lambda f: filled(f, b"[" * 150 + b"]" * 150 + b","), count=1, factor=8
    ),
}
"""Of the last two few are enough: each holds a replica up for a good part of a second, and longer on a busy
machine.
"""

PREFETCH = 40
"""What the broker gives a replica at a time: its 32 places, and 8 more."""


@pytest.mark.promise("P7", "P9")
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_takes_bounded_memory_and_stops_no_other_client(stage: Stage, flood: Flood) -> None:
    """A replica holds as many messages as the broker gives it, and no more; a second flood takes no more than
    the first. Calls of another client are answered meanwhile, within their deadline.
    """
    forger = Forger(stage)
    async with (
        stage.process() as replica,
        stage.client(CLIENTS[1], timeout=2 * PATIENCE_S) as neighbour,
        Attacker(stage) as attacker,
    ):
        await neighbour.call(add, [1])
        memory = Memory(replica.pid)
        before = memory.now()
        bound = PREFETCH * MAX_BODY_BYTES * flood.factor
        peaks: list[int] = []
        for _ in range(2):
            memory.forget_peak()
            async with calling(neighbour):
                await attacker.flood(
                    REQUESTS, request_key(SERVER, "mirror"), [flood.body(forger) for _ in range(flood.count)]
                )
            peaks.append(memory.peak() - before)
        assert max(peaks) < bound
        assert peaks[1] - peaks[0] < bound / 2


@asynccontextmanager
async def calling(client: Client) -> AsyncGenerator[None]:
    """Calls one after the other while the block lasts, and one behind it: all are answered in time."""
    over = False

    async def call() -> None:
        while not over:
            assert await client.call(add, [1]) == Total(count=1, total=1.0)

    async with asyncio.TaskGroup() as group:
        group.create_task(call())
        yield
        assert await client.call(add, [1]) == Total(count=1, total=1.0)
        over = True


@pytest.mark.promise("P9")
async def test_what_is_kept_of_a_flood_is_bounded(stage: Stage) -> None:
    """The junk queue drops its oldest messages once they are too many bytes."""
    forged = sign_otherwise(filled(Forger(stage), b"1,"), another_first)
    async with stage.replica() as replica, Attacker(stage) as attacker, stage.client() as client:
        await attacker.flood(REQUESTS, request_key(SERVER, "mirror"), [forged] * 80)
        await client.call(add, [1])
        assert dict(replica.counts) == {"junk.bad_signature": 80}
    async with Tap(stage.url, junk_queue(SERVER), junk_route(SERVER)) as tap:
        kept = await tap.everything()
    assert sum(len(one.body) for one in kept) <= KEPT_JUNK_BYTES
    assert len(kept) > 40


async def has_told(attacker: Attacker, events: int) -> bool:
    """Whether the attacker has heard so many, or more."""
    return len(await attacker.events()) >= events
