"""Deliveries are handed over in the order of arrival; what is acked in one turn goes with few frames."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from pamqp import commands

from tests.unit.broker.wired import CHANNEL, CONSUMER, Wired, delivery, method, wired
from tests.waiting import wait_until
from toolwire.broker.delivery import Delivery
from toolwire.broker.intake import Intake


@asynccontextmanager
async def taking(*, acks: bool = True) -> AsyncGenerator[tuple[Wired, Intake, list[Delivery]]]:
    deliveries: list[Delivery] = []
    async with wired() as both:
        intake = Intake(both.wire, CHANNEL, deliveries.append, acks=acks)
        intake.expect(CONSUMER)
        yield both, intake, deliveries


async def taken(both: Wired, deliveries: list[Delivery], count: int) -> None:
    both.says.write(b"".join(delivery(tag) for tag in range(1, count + 1)))
    await wait_until(lambda: len(deliveries) == count, 15, "all are handed over")


async def settled(both: Wired, count: int) -> list[tuple[str, int | None, bool | None]]:
    """Read so many acks and rejects from the broker's end: the tag, and `multiple` or `requeue`."""
    found: list[tuple[str, int | None, bool | None]] = []
    for _ in range(count):
        match await both.heard():
            case commands.Basic.Ack(delivery_tag=tag, multiple=multiple):
                found.append(("ack", tag, multiple))
            case commands.Basic.Reject(delivery_tag=tag, requeue=requeue):
                found.append(("reject", tag, requeue))
            case other:
                raise AssertionError(other)
    return found


async def test_a_message_is_handed_over_when_all_of_it_is_there() -> None:
    bodies = [b"", b"x" * 1000, b"y" * 2500]
    async with taking() as (both, _, deliveries):
        both.says.write(b"".join(delivery(tag, body) for tag, body in enumerate(bodies, 1)))
        await wait_until(lambda: len(deliveries) == len(bodies), 15, "all are handed over")
    assert [each.body for each in deliveries] == bodies
    assert (deliveries[0].type, deliveries[0].routing_key) == ("request", "server-1.add")


async def test_what_is_acked_in_one_turn_goes_in_one_frame() -> None:
    async with taking() as (both, _, deliveries):
        await taken(both, deliveries, 5)
        for each in deliveries[:4]:
            assert await each.ack()
        assert await settled(both, 1) == [("ack", 4, True)]
        assert await deliveries[4].ack()
        assert await settled(both, 1) == [("ack", 5, False)]


@pytest.mark.promise("P8")
async def test_an_ack_never_speaks_of_what_is_still_held() -> None:
    async with taking() as (both, _, deliveries):
        await taken(both, deliveries, 7)
        for number in (6, 2, 0, 1, 4):  # 4 and 6 are held: the fourth and the sixth tag
            assert await deliveries[number].ack()
        assert await settled(both, 3) == [("ack", 3, True), ("ack", 5, False), ("ack", 7, False)]
        assert await deliveries[3].reject(requeue=True)
        assert await deliveries[5].ack()
        assert await settled(both, 2) == [("reject", 4, True), ("ack", 6, False)]


async def test_acks_wait_for_no_turn_when_the_channel_is_left() -> None:
    async with taking() as (both, intake, deliveries):
        await taken(both, deliveries, 3)
        assert await deliveries[0].ack()
        assert await deliveries[1].ack()
        intake.close()
        assert not await deliveries[2].ack()
        assert await settled(both, 1) == [("ack", 2, True)]


@pytest.mark.parametrize("end", [commands.Channel.Close(406, "x", 0, 0), commands.Channel.CloseOk()])
async def test_a_closed_channel_settles_nothing_and_aiormq_hears_of_it(
    end: commands.Channel.Close | commands.Channel.CloseOk,
) -> None:
    """A frame on a channel that is closed would cost the connection."""
    async with taking() as (both, _, deliveries):
        await taken(both, deliveries, 3)
        assert await deliveries[0].ack()
        await settled(both, 1)
        both.says.write(method(end))
        while await both.next_for_aiormq() != end.name:
            pass
        assert not await deliveries[1].ack()
        assert not await deliveries[2].reject(requeue=True)


async def test_a_cancelled_consumer_gets_nothing_more() -> None:
    """RabbitMQ 4.3 delivers to one again when a late ack comes: aiormq is to drop that, and not to ack it."""
    async with taking() as (both, _, deliveries):
        await taken(both, deliveries, 1)
        both.says.write(method(commands.Basic.Cancel(CONSUMER)) + delivery(2))
        names = [await both.next_for_aiormq() for _ in range(3)]
        assert [name for name in names if name != "Heartbeat"][:2] == ["Basic.Cancel", "Basic.Deliver"]
        assert len(deliveries) == 1


async def test_a_handler_that_raises_costs_its_message() -> None:
    seen: list[bytes] = []

    def handle(delivery: Delivery) -> None:
        seen.append(delivery.body)
        if delivery.body == b"bad":
            raise ValueError(delivery.body)

    async with wired() as both:
        intake = Intake(both.wire, CHANNEL, handle, acks=True)
        intake.expect(CONSUMER)
        both.says.write(delivery(1, b"bad") + delivery(2, b"good"))
        assert await settled(both, 1) == [("reject", 1, False)]
        assert seen == [b"bad", b"good"]
        await asyncio.sleep(0)


async def test_what_needs_no_ack_has_no_receipt() -> None:
    async with taking(acks=False) as (both, _, deliveries):
        await taken(both, deliveries, 1)
        assert deliveries[0].receipt is None
        assert await deliveries[0].ack()
