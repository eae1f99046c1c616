"""Who closes while a connection is still being set up is not kept waiting.

aiormq swallows a cancellation that meets one of its calls at the wrong moment, so many moments are tried.
"""

import asyncio

from toolwire.broker.consume import Consumer, Delivery, Subscription
from toolwire.broker.publish import Publisher
from toolwire.broker.topology import call_queue, fresh_reply_queue

MOMENTS = [number / 500 for number in range(30)]
TICKS = 200
CLOSED_WITHIN = 10.0


def ignore(_: Delivery) -> None:
    pass


async def test_a_consumer_can_be_closed_at_any_moment_of_its_start(vhost_url: str) -> None:
    for moment in MOMENTS:
        subscription = Subscription(
            lambda: fresh_reply_queue("client-1", "early"), prefetch=1, handler=ignore
        )
        await _opened_and_closed(Consumer([vhost_url], name="early", subscriptions=[subscription]), moment)


async def test_a_publisher_can_be_closed_at_any_moment_of_its_start(vhost_url: str) -> None:
    for moment in MOMENTS:
        await _opened_and_closed(Publisher([vhost_url], name="early"), moment)


async def _opened_and_closed(connected: Consumer | Publisher, moment: float) -> None:
    async with asyncio.timeout(moment + CLOSED_WITHIN):
        async with connected:
            await asyncio.sleep(moment)


async def test_a_look_at_the_consumers_can_be_cancelled_at_any_moment(vhost_url: str) -> None:
    """Else a client that looks just then could not be closed: it would look on for ever."""
    async with Publisher([vhost_url], name="test", declare=[call_queue("server-1")]) as publisher:
        await publisher.wait_connected(15)
        for tick in range(TICKS):
            looking = asyncio.create_task(publisher.consumers(call_queue("server-1").name))
            for _ in range(tick):
                await asyncio.sleep(0)
            if looking.cancel():
                await asyncio.wait([looking])
                assert looking.cancelled(), f"in moment {tick}"
