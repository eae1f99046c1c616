"""Calls: results, refusals, the tool's own errors, repetition."""

import asyncio

import pytest

from tests.served import (
    SERVER,
    Diary,
    Person,
    Seen,
    Total,
    add,
    book,
    decline,
    greet,
    look_around,
    mirror,
    sell,
)
from toolwire.client import (
    InternalError,
    InvalidArguments,
    RequestIdConflict,
    ResultTooLarge,
    ToolFailed,
    ToolNotAvailable,
    UsageError,
)
from toolwire.testing import Bench


async def test_a_call_gives_the_tools_result(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        assert await client.call(add, numbers=[1, 2, 3]) == Total(count=3, total=6)
        assert await client.call("add", {"numbers": [1.5]}, returns=Total) == Total(count=1, total=1.5)
        assert await client.call(greet, Person(name="Ada", age=36)) == "Hello Ada, 36"


async def test_the_tool_knows_who_asks(bench: Bench) -> None:
    async with bench.running(), bench.client("client-002") as client:
        seen = await client.options(request_id="order-17").call(look_around)
    assert seen == Seen(client_id="client-002", request_id="order-17", tool="look_around", attempt=1)


async def test_many_calls_at_once_each_get_their_own_answer(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        answers = await asyncio.gather(*(client.call(mirror, value=number) for number in range(100)))
    assert answers == list(range(100))


async def test_big_bodies_pass_and_too_big_ones_are_told(bench: Bench) -> None:
    text = "ä" * 400_000  # 800,000 bytes in UTF-8, of the 1 MiB that a line may have
    async with bench.running(), bench.client() as client:
        assert await client.call(mirror, value=text) == text
        with pytest.raises(UsageError):
            await client.call(mirror, value="x" * 1_100_000)
        with pytest.raises(ResultTooLarge):
            await client.call("flood", {"size": 1_100_000})


async def test_arguments_that_do_not_fit_are_refused_by_field(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        with pytest.raises(InvalidArguments) as refused:
            await client.call("greet", {"name": "", "age": -1})
        with pytest.raises(InvalidArguments):
            await client.call("book", {"item": "tea", "colour": "green"})
    assert [field.path for field in refused.value.fields] == ["/name", "/age"]
    assert diary.lines() == []


async def test_a_tool_that_is_not_there_and_one_that_is_not_allowed_look_alike(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        with pytest.raises(ToolNotAvailable):
            await client.call("no_such_tool")


async def test_the_tools_own_no_arrives_with_its_words(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        with pytest.raises(ToolFailed) as failed:
            await client.call(decline, reason="card_declined", message="Card was declined")
    assert (failed.value.reason, failed.value.data) == ("card_declined", {"limit": 3})
    assert "Card was declined" in str(failed.value)


async def test_a_tool_that_breaks_tells_nothing_of_how(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        with pytest.raises(InternalError) as broken:
            await client.call("break_down", {"secret": "hunter2"})
    assert "hunter2" not in str(broken.value)


@pytest.mark.promise("P4")
async def test_the_same_request_runs_once_and_gets_the_same_answer(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        again = client.options(request_id="order-17", deadline=60)
        first, second = await again.call(book, item="tea"), await again.call(book, item="tea")
    assert (first, second) == (1, 1)
    assert diary.lines() == ["book tea"]


@pytest.mark.promise("P4")
async def test_another_meaning_under_the_same_id_is_a_conflict(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        await client.options(request_id="order-17").call(book, item="tea")
        with pytest.raises(RequestIdConflict):
            await client.options(request_id="order-17").call(book, item="coffee")
    assert diary.lines() == ["book tea"]


async def test_a_refusal_of_the_tool_is_kept_like_a_result(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        for _ in range(2):
            with pytest.raises(ToolFailed, match="no tea left"):
                await client.options(request_id="order-18").call(sell, item="tea")
    assert diary.lines() == ["sell tea"]


async def test_the_server_tells_who_it_is_and_what_it_can_do(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        identity, catalogue = await client.server_identity(), await client.list_tools()
    assert identity.server_id == SERVER
    assert identity.capabilities
    assert {"add", "bake"} <= {tool.name for tool in catalogue.tools}
