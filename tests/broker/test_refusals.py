"""What a service refuses: with a code of its own, signed, and without an echo of what was sent."""

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.handmade import Handmade
from tests.served import SERVER, add, bake, book, peek
from tests.stage import CLIENTS, Stage
from tests.waiting import wait_until
from toolwire.broker.topology import request_route
from toolwire.client import (
    InvalidArguments,
    RateLimited,
    ToolChanged,
    ToolNotAvailable,
    TtlTooLong,
)
from toolwire.client.clock import now_ms
from toolwire.contracts.errors import Code

SECRET = "a secret that no caller may see"
NOBODY = "amqp://127.0.0.1:1/"


@contextmanager
def taking_at_most(seconds: float) -> Generator[None]:
    """Fail where the block takes longer: what it waits for is meant to be told sooner."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


# --- the request is refused ---


async def test_an_unknown_tool_and_a_forbidden_one_look_the_same(stage: Stage) -> None:
    stage.limit(CLIENTS[0], allow=["add"])
    async with stage.replica(), stage.client() as client:
        with pytest.raises(ToolNotAvailable) as unknown:
            await client.call("there_is_none", {})
        with pytest.raises(ToolNotAvailable) as forbidden:
            await client.call("book", {"item": "table"})
    assert unknown.value.error == forbidden.value.error
    assert stage.diary.lines() == []


async def test_a_forbidden_tool_says_nothing_of_its_arguments(stage: Stage) -> None:
    stage.limit(CLIENTS[0], allow=["add"])
    async with stage.replica(), stage.client() as client:
        with pytest.raises(ToolNotAvailable):
            await client.call("book", {"no": "such argument"})


async def test_arguments_that_do_not_fit_are_told_before_anything_is_sent(stage: Stage) -> None:
    async with stage.client(broker=NOBODY) as client:
        with taking_at_most(10), pytest.raises(InvalidArguments) as refused:
            await client.call(add, [])
    assert [(field.path, field.type) for field in refused.value.fields] == [("/numbers", "too_short")]


async def test_arguments_by_name_that_do_not_fit_are_told_by_the_service(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        with pytest.raises(InvalidArguments) as refused:
            await client.call("add", {"numbers": [1, SECRET], "more": SECRET})
    assert sorted(field.path for field in refused.value.fields) == ["/more", "/numbers/1"]
    assert SECRET not in str(refused.value)
    assert SECRET not in refused.value.error.model_dump_json()


async def test_a_tool_that_was_changed_since_is_told(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        with pytest.raises(ToolChanged):
            await client.options(tool_rev="x" * 43).call(add, [1])


async def test_a_deadline_that_lies_too_far_ahead_is_refused(stage: Stage) -> None:
    stage.limit(CLIENTS[0], max_ttl_s=60)
    async with stage.replica(), stage.client() as client:
        with pytest.raises(TtlTooLong):
            await client.options(timeout=90).call(add, [1])
        with pytest.raises(TtlTooLong):
            await client.submit(bake, "gate")
        assert (await client.options(timeout=30).call(add, [1])).count == 1


async def test_a_clock_that_is_ahead_is_told(stage: Stage) -> None:
    ahead = now_ms() + 60_000
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("add", {"numbers": [1]}, ts_ms=ahead, deadline_ms=ahead + 60_000)
        assert await hand.refusal(request) is Code.CLOCK_SKEW


async def test_a_request_whose_deadline_has_passed_is_answered_expired(stage: Stage) -> None:
    before = now_ms() - 120_000
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": "table"}, ts_ms=before, deadline_ms=before + 1_000)
        assert await hand.refusal(request) is Code.EXPIRED
    assert stage.diary.lines() == []


async def test_a_request_for_another_server_is_refused_by_this_one(stage: Stage) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": "table"}, server_id="server-2")
        assert await hand.refusal(request, request_route(SERVER, "book")) is Code.WRONG_SERVER
    assert stage.diary.lines() == []


async def test_a_request_at_another_tools_destination_is_refused(stage: Stage) -> None:
    """Whoever may only publish to one tool's key cannot reach another tool by it."""
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": "table"})
        assert await hand.refusal(request, request_route(SERVER, "add")) is Code.WRONG_DESTINATION
    assert stage.diary.lines() == []


@pytest.mark.promise("P5")
async def test_a_request_in_the_name_of_another_client_is_forbidden(stage: Stage) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home, CLIENTS[0]) as hand:
        request = hand.request("book", {"item": "table"}, client_id=CLIENTS[1])
        assert await hand.refusal(request) is Code.FORBIDDEN
    assert stage.diary.lines() == []


# --- too much is asked ---


async def test_a_client_over_its_rate_is_slowed_down_and_served(stage: Stage) -> None:
    """The refusals invite to try again, which the client does: the caller sees results only."""
    stage.limit(CLIENTS[0], rate=10.0)
    async with stage.replica() as replica, stage.client() as client:
        totals = await asyncio.gather(*(client.call(add, [n]) for n in range(30)))
        assert [total.total for total in totals] == list(range(30))
        assert replica.counts["refused.rate_limited"] > 0


async def test_a_client_over_its_rate_is_told_when_there_is_no_time_to_try_again(stage: Stage) -> None:
    stage.limit(CLIENTS[0], rate=0.01)
    async with stage.replica(), stage.client(timeout=30) as client:
        await client.call(add, [1])
        with taking_at_most(20), pytest.raises(RateLimited) as refused:
            await client.call(add, [1])
        assert refused.value.retry_after_ms


async def test_a_client_with_too_much_under_way_is_served_when_there_is_room(stage: Stage) -> None:
    stage.limit(CLIENTS[0], max_running=1)
    async with stage.replica() as replica, stage.client() as client:
        first = asyncio.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        second = asyncio.create_task(client.call(book, "table"))
        await wait_until(lambda: replica.counts["refused.rate_limited"], 15, "the second call is refused")
        assert stage.diary.lines() == ["peek gate"]
        stage.diary.open("gate")
        assert (await first, await second) == ("gate", 2)


async def test_one_client_with_too_much_under_way_is_in_nobody_elses_way(stage: Stage) -> None:
    stage.limit(CLIENTS[0], max_running=1)
    async with stage.replica(), stage.client() as greedy, stage.client(CLIENTS[1]) as other:
        calling = asyncio.create_task(greedy.call(peek, "gate"))
        await stage.noted("peek gate")
        assert (await other.call(add, [1])).count == 1
        stage.diary.open("gate")
        await calling


async def test_a_replica_without_a_free_place_says_so_after_a_while(stage: Stage) -> None:
    """The caller who has time left tries again, and is served when there is a place."""
    async with (
        stage.replica(places=1) as replica,
        stage.client(timeout=30) as client,
        Handmade(stage.url, stage.home) as hand,
    ):
        first = asyncio.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        patient = asyncio.create_task(client.call(add, [1]))
        assert await hand.refusal(hand.request("add", {"numbers": [1]})) is Code.OVERLOADED
        await wait_until(lambda: replica.counts["refused.overloaded"] >= 2, 15, "both are refused")
        stage.diary.open("gate")
        assert (await first, (await patient).count) == ("gate", 1)


async def test_a_replica_without_a_free_place_still_answers_polls(stage: Stage) -> None:
    async with stage.replica(places=1), stage.client() as client:
        job = await client.submit(bake, "oven")
        calling = asyncio.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        with taking_at_most(10):
            assert (await job.poll()).job_id == job.id
        stage.diary.open("gate")
        stage.diary.open("oven")
        await asyncio.gather(calling, job.result())
