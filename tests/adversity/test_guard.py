"""One message that cannot be decoded costs itself: no connection, no consumer, no neighbour."""

import asyncio
import random
import struct
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from pamqp.frame import unmarshal

from tests.adversity.raw_amqp import (
    HEADERS,
    NO_PROPERTIES,
    POISONS,
    REPLY_TO,
    Poison,
    RawPublisher,
    RefusedByBroker,
    long,
    properties,
    short,
)
from toolwire.broker import topology
from toolwire.broker.consume import Consumer, Delivery, Subscription

SERVER = "server-1"


@asynccontextmanager
async def consuming(url: str) -> AsyncGenerator[tuple[Consumer, asyncio.Queue[Delivery], list[object]], None]:
    """Consume the server's calls. The list grows with every connect."""
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
    connects: list[object] = []
    subscription = Subscription(lambda: topology.call_queue(SERVER), 10, deliveries.put_nowait)
    consumer = Consumer([url], name="guarded", subscriptions=[subscription])
    consumer.on_ready.append(connects.append)
    async with consumer:
        await consumer.wait_ready(15)
        yield consumer, deliveries, connects


@pytest.mark.promise("P9")
@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
async def test_a_message_that_cannot_be_decoded_is_delivered_and_flagged(
    vhost_url: str, poison: Poison
) -> None:
    """It arrives with its body and a reason, can be given up, and the next follows on the same connection."""
    async with consuming(vhost_url) as (consumer, deliveries, connects), RawPublisher(vhost_url) as raw:
        try:
            await raw.publish(topology.REQUESTS, b"server-1." + poison.key, poison.properties, b"poison")
        except RefusedByBroker:
            assert poison.may_be_refused
            return
        await raw.publish(topology.REQUESTS, b"server-1.tool", NO_PROPERTIES, b"good")
        first = await asyncio.wait_for(deliveries.get(), 15)
        second = await asyncio.wait_for(deliveries.get(), 15)
        assert (first.body, first.malformed is not None) == (b"poison", poison.malformed)
        assert (second.body, second.malformed) == (b"good", None)
        assert await first.reject(requeue=False)
        assert await second.ack()
        assert consumer.ready
        assert len(connects) == 1


@pytest.mark.promise("P9")
async def test_whatever_the_broker_forwards_is_survived(vhost_url: str) -> None:
    """Headers are mutated at random. What RabbitMQ takes must be delivered, and the consumer must live."""
    chance = random.Random(20261122)
    async with consuming(vhost_url) as (_, deliveries, connects):
        taken = await send_mutants(vhost_url, [mutant(chance) for _ in range(150)])
        assert taken > 20
        for _ in range(taken):
            assert await (await asyncio.wait_for(deliveries.get(), 15)).ack()
        assert len(connects) == 1


async def send_mutants(url: str, mutants: list[bytes]) -> int:
    """Publish what RabbitMQ will take, and return how many that were. It hangs up over the others."""
    taken = 0
    while mutants:
        async with RawPublisher(url) as raw:
            try:
                while mutants:
                    await raw.publish(topology.REQUESTS, b"server-1.tool", mutants.pop(), b"mutant")
                    taken += 1
            except RefusedByBroker:
                continue
    return taken


def mutant(chance: random.Random) -> bytes:
    """A header table with an entry of each type, some bytes of which are changed."""
    values = {b"t": 1, b"b": 1, b"B": 1, b"s": 2, b"I": 4, b"l": 8, b"f": 4, b"d": 8, b"D": 5, b"T": 8}
    entries = b"".join(short(b"k") + kind + chance.randbytes(size) for kind, size in values.items())
    entries += short(b"s") + b"S" + long(chance.randbytes(5)) + short(b"A") + b"A" + long(b"V" * 3)
    whole = bytearray(properties(HEADERS | REPLY_TO, long(entries) + short(b"reply")))
    for _ in range(chance.randrange(3)):
        whole[chance.randrange(2, len(whole))] = chance.randrange(256)
    return bytes(whole)


def test_many_headers_cost_no_time() -> None:
    """Decoding all of them would stop the event loop for seconds."""
    header = struct.pack(">HHQ", 60, 0, 5) + POISONS["many headers"].properties
    frame = struct.pack(">BHI", 2, 1, len(header)) + header + b"\xce"
    began = time.thread_time()
    unmarshal(frame)
    assert time.thread_time() - began < 0.2
