"""What arrives is cut into frames: listeners take those of their channels, aiormq gets the others."""

import asyncio
from dataclasses import dataclass, field

import pytest
from pamqp import commands

from tests.unit.broker.wired import CHANNEL, delivery, method, wired
from tests.waiting import wait_until
from toolwire.broker import frames


@dataclass
class Greedy:
    """Takes acks, and leaves the rest."""

    acks: list[int] = field(default_factory=list[int])
    is_lost: bool = False

    def take(self, kind: int, payload: bytes) -> bool:
        mine = kind == frames.METHOD and payload[:4] == frames.ACK
        if mine:
            self.acks.append(frames.confirm_of(payload)[0])
        return mine

    def lost(self) -> None:
        self.is_lost = True


MIXED = (
    method(commands.Channel.OpenOk())
    + method(commands.Basic.Ack(1))
    + method(commands.Basic.Ack(2), channel=CHANNEL + 1)
    + frames.HEARTBEAT
    + method(commands.Basic.Ack(3))
    + delivery(1, b"x" * 300)
    + method(commands.Confirm.SelectOk())
)


@pytest.mark.parametrize("chunk", [1, 7, 50, 1000])
async def test_frames_are_told_apart_however_they_arrive(chunk: int) -> None:
    async with wired() as both:
        listener = Greedy()
        both.wire.listen(CHANNEL, listener)
        for at in range(0, len(MIXED), chunk):
            both.says.write(MIXED[at : at + chunk])
            await both.says.drain()
        names = [await both.next_for_aiormq()]
        while names[-1] != "Confirm.SelectOk":
            names.append(await both.next_for_aiormq())
        assert listener.acks == [1, 3]
        names = [name for name in names if name != "Heartbeat"]
        assert names == [
            *("Channel.OpenOk", "Basic.Ack", "Basic.Deliver", "ContentHeader", "ContentBody"),
            "Confirm.SelectOk",
        ]


async def test_aiormq_sees_a_sign_of_life_where_a_listener_takes_everything() -> None:
    """It gives up a connection on which it sees nothing for long, and a busy broker sends no heartbeats."""
    async with wired() as both:
        listener = Greedy()
        both.wire.listen(CHANNEL, listener)
        both.says.write(b"".join(method(commands.Basic.Ack(tag)) for tag in range(1, 4)))
        assert await both.next_for_aiormq() == "Heartbeat"
        assert listener.acks == [1, 2, 3]


async def test_what_is_no_frame_goes_to_aiormq_with_all_that_follows() -> None:
    async with wired() as both:
        listener = Greedy()
        both.wire.listen(CHANNEL, listener)
        other = b"AMQP\x00\x00\x09\x01" + method(commands.Basic.Ack(1))
        both.says.write(other)
        assert await asyncio.wait_for(both.for_aiormq.readexactly(len(other)), 15) == other
        assert listener.acks == []


async def test_a_frame_that_does_not_end_where_it_should_is_left_to_aiormq_with_all_that_follows() -> None:
    async with wired() as both:
        listener = Greedy()
        both.wire.listen(CHANNEL, listener)
        cut = method(commands.Basic.Ack(1))[:-1] + b"\x00" + method(commands.Basic.Ack(2))
        both.says.write(cut)
        assert await asyncio.wait_for(both.for_aiormq.readexactly(len(cut)), 15) == cut
        assert listener.acks == []


async def test_what_is_written_behind_the_end_is_dropped() -> None:
    """aiormq ends its half before it closes; a transport raises for what is written then."""
    async with wired() as both:
        both.wire.write(b"before")
        both.writer.write_eof()
        both.writer.close()
        both.wire.write(b"behind")
        assert await asyncio.wait_for(both.hears.read(), 15) == b"before"


async def test_half_a_frame_at_the_end_goes_to_aiormq() -> None:
    async with wired() as both:
        both.wire.listen(CHANNEL, Greedy())
        half = method(commands.Basic.Ack(1))[:9]
        both.says.write(half)
        both.says.close()
        assert await asyncio.wait_for(both.for_aiormq.read(), 15) == half


@pytest.mark.parametrize("politely", [True, False])
async def test_listeners_hear_of_the_end_at_once(politely: bool) -> None:
    async with wired() as both:
        listener, other = Greedy(), Greedy()
        both.wire.listen(CHANNEL, listener)
        both.wire.listen(CHANNEL + 1, other)
        both.wire.forget(CHANNEL + 1, listener)  # the number was given to another channel
        both.wire.forget(CHANNEL, other)
        assert both.wire.open
        if politely:
            both.says.write_eof()
        else:
            both.says.transport.abort()
        await wait_until(lambda: listener.is_lost and other.is_lost, 15, "both hear of it")


async def test_a_listener_that_was_forgotten_takes_nothing() -> None:
    async with wired() as both:
        listener = Greedy()
        both.wire.listen(CHANNEL, listener)
        both.wire.forget(CHANNEL, listener)
        both.says.write(method(commands.Basic.Ack(1)))
        assert await both.next_for_aiormq() == "Basic.Ack"
        assert listener.acks == []
