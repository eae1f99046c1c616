"""What is published in one turn of the loop travels together, as far as each line allows."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from toolwire.broker.gather import MOST_BYTES, MOST_LINE_BYTES, Caller, Gathering, Parcel
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Route
from toolwire.contracts.lines import MAX_LINES, split_body

HERE = Route("tw.requests", "server-1.add")
THERE = Route("tw.requests", "server-1.multiply")


def line(text: str = "1", *, route: Route = HERE, company: int = MAX_LINES) -> Outgoing:
    return Outgoing(route, text.encode(), "request", f"id-{text[:20]}", company=company)


def gather(messages: Sequence[Outgoing]) -> tuple[Gathering, list[Caller]]:
    loop = asyncio.get_running_loop()
    gathering = Gathering()
    return gathering, [gathering.add(each, loop.time() + 15, 15, loop.create_future()) for each in messages]


def taken(messages: Sequence[Outgoing]) -> list[list[str]]:
    """The lines of each message that is sent."""
    return [texts(parcel) for parcel in gather(messages)[0].take()]


def texts(parcel: Parcel) -> list[str]:
    return [each.decode() for each in split_body(parcel.message.body)]


async def test_lines_of_one_destination_share_a_message_that_has_the_id_of_the_first() -> None:
    gathering, _ = gather([line("1"), line("2"), line("3")])
    (parcel,) = gathering.take()
    assert parcel.message == replace(line("1"), body=b"1\n2\n3")
    assert not gathering
    assert gathering.take() == []


async def test_a_line_that_is_alone_is_sent_as_it_is() -> None:
    alone = line("1")
    gathering, _ = gather([alone])
    (parcel,) = gathering.take()
    assert parcel.message is alone


async def test_each_destination_and_type_has_messages_of_its_own() -> None:
    other = replace(line("3"), type="response")
    mixed = [line("1"), line("2", route=THERE), other, line("4"), line("5", route=THERE)]
    assert taken(mixed) == [["1", "4"], ["2", "5"], ["3"]]


async def test_the_smallest_company_of_those_in_it_bounds_a_message() -> None:
    assert taken([line("1", company=2), line("2"), line("3"), line("4")]) == [["1", "2"], ["3", "4"]]
    assert taken([line("1"), line("2"), line("3", company=2)]) == [["1", "2"], ["3"]]
    assert taken([line("1", company=1), line("2", company=1)]) == [["1"], ["2"]]


async def test_a_message_holds_no_more_lines_than_a_receiver_takes() -> None:
    lines = [line(str(number), company=1000) for number in range(2 * MAX_LINES + 1)]
    assert [len(each) for each in taken(lines)] == [MAX_LINES, MAX_LINES, 1]


async def test_a_message_of_several_lines_is_bounded_in_bytes() -> None:
    quarter = MOST_BYTES // 4 - 1  # and a line feed
    for sizes, bodies in (
        ([quarter] * 5, [MOST_BYTES - 1, quarter]),
        ([quarter + 1, quarter, quarter, quarter], [MOST_BYTES]),
        ([quarter + 1, quarter + 1, quarter, quarter], [3 * quarter + 4, quarter]),
    ):
        parcels = gather([line("1" * size) for size in sizes])[0].take()
        assert [len(parcel.message.body) for parcel in parcels] == bodies


async def test_a_long_line_goes_alone() -> None:
    long = "2" * (MOST_LINE_BYTES + 1)
    assert taken([line("1"), line(long), line("3")]) == [["1"], [long], ["3"]]


async def test_what_differs_goes_by_itself_and_is_not_overtaken() -> None:
    for other in (
        replace(line("2"), headers={"a": "b"}),
        replace(line("2"), mandatory=False),
        replace(line("2"), insist=False),
    ):
        assert taken([line("1"), other, line("3"), line("4")]) == [["1"], ["2"], ["3", "4"]]


async def test_who_has_gone_before_the_turn_ends_takes_the_line_along() -> None:
    gathering, callers = gather([line("1"), line("2"), line("3"), line("4", route=THERE)])
    for gone in (callers[0], callers[3]):
        gone.told.cancel()
    (parcel,) = gathering.take()
    assert (texts(parcel), parcel.message.message_id) == (["2", "3"], "id-2")


async def test_what_was_sent_once_stays_the_same_for_as_long_as_anybody_waits() -> None:
    gathering, callers = gather([line("1"), line("2")])
    (parcel,) = gathering.take()
    assert texts(parcel) == ["1", "2"]
    callers[0].told.cancel()
    assert (texts(parcel), parcel.wanted) == (["1", "2"], True)
    callers[1].tell(None)
    assert not parcel.wanted


async def test_who_has_gone_is_told_nothing() -> None:
    _, (caller,) = gather([line("1")])
    caller.told.cancel()
    caller.tell(ValueError("late"))
    assert caller.told.cancelled()
