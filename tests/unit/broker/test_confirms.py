"""Each message is told of once, and only of what the broker said of it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from tests.unit.broker.wired import CHANNEL, Wired, method, wired
from tests.waiting import wait_until
from toolwire.broker.confirms import Confirms, Outcome, Result
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Route

Told = list[tuple[int, Outcome]]


def note(told: Told, number: int, result: Result) -> None:
    told.append((number, result.outcome))


@asynccontextmanager
async def sending(count: int) -> AsyncGenerator[tuple[Wired, Confirms, Told]]:
    """So many messages in flight, numbered from 1 as their delivery tags are."""
    told: Told = []
    async with wired() as both:
        confirms = Confirms(both.wire, CHANNEL, 1000)
        for number in range(1, count + 1):
            message = Outgoing(Route("tw.requests", "server-1.add"), b"{}", "request", f"message-{number}")
            confirms.send(message, partial(note, told, number))
        confirms.flush()
        yield both, confirms, told


async def said(both: Wired, told: Told, *frames: bytes, count: int) -> Told:
    """What is told in the end, when the broker has said that."""
    both.says.write(b"".join(frames))
    await wait_until(lambda: len(told) >= count, 15, f"{count} are told of")
    return told


def came_back(message_id: str, body: bytes = b"{}") -> bytes:
    back = commands.Basic.Return(312, "NO_ROUTE", "tw.requests", "server-1.add")
    header = ContentHeader(body_size=len(body), properties=commands.Basic.Properties(message_id=message_id))
    return method(back) + method(header) + (method(ContentBody(body)) if body else b"")


@pytest.mark.promise("P8")
async def test_a_confirm_speaks_of_its_message_and_with_multiple_of_all_before() -> None:
    async with sending(6) as (both, confirms, told):
        acks = (commands.Basic.Ack(2), commands.Basic.Ack(4, multiple=True), commands.Basic.Ack(6))
        await said(both, told, *(method(each) for each in acks), count=5)
        assert told == [(number, Outcome.CONFIRMED) for number in (2, 1, 3, 4, 6)]
        assert not confirms.idle.is_set()
        await said(both, told, method(commands.Basic.Ack(6, multiple=True)), count=6)
        assert (told[-1], confirms.idle.is_set()) == ((5, Outcome.CONFIRMED), True)


@pytest.mark.promise("P8")
async def test_a_nack_too() -> None:
    async with sending(4) as (both, _, told):
        nack, ack = commands.Basic.Nack(3, multiple=True), commands.Basic.Ack(1)
        await said(both, told, method(ack), method(nack), method(commands.Basic.Ack(4)), count=4)
    assert told == [
        (1, Outcome.CONFIRMED),
        (2, Outcome.NACKED),
        (3, Outcome.NACKED),
        (4, Outcome.CONFIRMED),
    ]


async def test_a_confirm_that_was_told_already_is_overlooked() -> None:
    async with sending(2) as (both, _, told):
        again = [method(commands.Basic.Ack(tag)) for tag in (1, 1, 7, 2)]
        assert await said(both, told, *again, count=2) == [(1, Outcome.CONFIRMED), (2, Outcome.CONFIRMED)]


@pytest.mark.parametrize("body", [b"", b"{}"], ids=["empty", "short"])
async def test_what_comes_back_is_returned_though_it_is_confirmed(body: bytes) -> None:
    async with sending(3) as (both, _, told):
        ack = method(commands.Basic.Ack(3, multiple=True))
        await said(both, told, came_back("message-2", body), came_back("unknown", body), ack, count=3)
    assert told == [(1, Outcome.CONFIRMED), (2, Outcome.RETURNED), (3, Outcome.CONFIRMED)]


@pytest.mark.promise("P8")
async def test_what_is_in_flight_when_the_connection_ends_is_unknown() -> None:
    async with sending(3) as (both, confirms, told):
        await said(both, told, method(commands.Basic.Ack(2)), count=1)
        both.says.transport.abort()
        await wait_until(confirms.ended.is_set, 15, "the end is noticed")
        assert told == [(2, Outcome.CONFIRMED), (1, Outcome.UNKNOWN), (3, Outcome.UNKNOWN)]
        confirms.end(Result(Outcome.CLOSED))
        assert len(told) == 3
        confirms.send(Outgoing(Route("a", "b"), b"{}", "request", "4"), partial(note, told, 4))
        assert told[3:] == [(4, Outcome.UNSENT)]


async def test_nothing_is_sent_on_a_channel_that_the_broker_has_closed() -> None:
    """The broker would close the connection for it. What is in flight is told of when aiormq says why."""
    async with sending(1) as (both, confirms, told):
        both.says.write(method(commands.Channel.Close(404, "NOT_FOUND", 60, 40)))
        while await both.next_for_aiormq() != "Channel.Close":
            pass
        assert not confirms.usable
        confirms.send(Outgoing(Route("a", "b"), b"{}", "request", "2"), partial(note, told, 2))
        assert told == [(2, Outcome.UNSENT)]
        confirms.end(Result(Outcome.NOWHERE))
        assert told[1:] == [(1, Outcome.NOWHERE)]


async def test_two_of_the_same_id_that_come_back_are_both_returned() -> None:
    """A caller whose time was up may have sent the second while the first was in flight."""
    told: Told = []
    async with wired() as both:
        confirms = Confirms(both.wire, CHANNEL, 1000)
        for number in (1, 2):
            confirms.send(Outgoing(Route("a", "b"), b"{}", "request", "same"), partial(note, told, number))
        confirms.flush()
        ack = method(commands.Basic.Ack(2, multiple=True))
        await said(both, told, came_back("same"), came_back("same"), ack, count=2)
    assert told == [(1, Outcome.RETURNED), (2, Outcome.RETURNED)]


async def test_contents_of_the_next_channel_of_its_number_are_not_taken() -> None:
    """The broker has closed the channel; aiormq may open another before it says so here."""
    async with sending(1) as (both, _, _):
        header = ContentHeader(body_size=2, properties=commands.Basic.Properties())
        got = commands.Basic.GetOk(1, False, "", "key", 0)
        closed = commands.Channel.Close(404, "NOT_FOUND", 60, 40)
        both.says.write(b"".join(method(each) for each in (closed, got, header, ContentBody(b"{}"))))
        names = [await both.next_for_aiormq() for _ in range(4)]
        assert names == ["Channel.Close", "Basic.GetOk", "ContentHeader", "ContentBody"]
