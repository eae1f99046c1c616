"""Sent twice, run once: a duplicate gets the stored answer, whatever came in between."""

import asyncio

import pytest

from tests.handmade import Handmade
from tests.served import bake, book
from tests.stage import CLIENTS, Stage
from tests.waiting import wait_until
from toolwire.client import RequestIdConflict
from toolwire.contracts.envelopes import Request
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import EventName

pytestmark = pytest.mark.promise("P4")
CROWD = 16


def again(hand: Handmade, request: Request) -> Request:
    """The next attempt of a request: with a fresh nonce, and all that it means unchanged."""
    changed = ("nonce", "ts_ms", "tool", "args")
    same = {name: value for name, value in vars(request).items() if name not in changed}
    return hand.request(request.tool, request.args, **same)


async def test_a_duplicate_after_the_answer_gets_the_stored_one(stage: Stage) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": "table"})
        first = await hand.ask(request)
        second = await hand.ask(again(hand, request))
    assert (first.result, second.result) == (1, 1)
    assert first.request_digest != second.request_digest
    assert stage.diary.lines() == ["book table"]


async def test_a_replayed_line_gets_the_stored_answer(stage: Stage) -> None:
    """The very same bytes, as an attacker would send them: nothing runs, the answer goes to the client."""
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": "table"})
        asked = await hand.send(request)
        await hand.answer(asked)
        assert await hand.send(request) == asked
        first, second = await hand.answers(asked, 2)
    assert first.result == second.result == 1
    assert stage.diary.lines() == ["book table"]


async def test_a_duplicate_while_it_runs_is_answered_by_the_one_run(stage: Stage) -> None:
    """The newest attempt gets the answer: that is where the client listens."""
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("ship", {"gate": "gate"})
        await hand.send(request)
        await stage.noted("ship gate")
        asked = await hand.send(again(hand, request))
        marker = await hand.ask(hand.request("book", {"item": "marker"}))
        assert marker.ok
        stage.diary.open("gate")
        assert (await hand.answer(asked)).result == "gate"
    assert stage.diary.lines().count("ship gate") == 1


@pytest.mark.parametrize("replicas", [1, 2])
async def test_a_crowd_of_duplicates_runs_once(stage: Stage, replicas: int) -> None:
    """They reach the replicas at the same time; the store lets one of them claim."""
    async with stage.replicas(replicas), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": "table"})
        await asyncio.gather(*(hand.send(again(hand, request)) for _ in range(CROWD)))
        last = await hand.ask(again(hand, request))
    assert last.result == 1
    assert all(response.result == 1 for response in hand.responses)
    assert stage.diary.lines() == ["book table"]


async def test_a_submission_sent_twice_is_one_job(stage: Stage) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("bake", {"gate": "gate"})
        waiting = await hand.ask(request)
        running = await hand.ask(again(hand, request))
        stage.diary.open("gate")
        await hand.heard(EventName.DONE)
        over = await hand.ask(again(hand, request))
    assert waiting.result == running.result == over.result
    assert {answer.status for answer in (waiting, running, over)} == {"accepted"}
    assert stage.diary.lines() == ["bake gate 1", "bake gate 1 is over"]


@pytest.mark.parametrize("replicas", [1, 2])
async def test_a_crowd_of_submissions_is_one_job(stage: Stage, replicas: int) -> None:
    stage.diary.open("gate")
    async with stage.replicas(replicas), Handmade(stage.url, stage.home) as hand:
        request = hand.request("bake", {"gate": "gate"})
        await asyncio.gather(*(hand.send(again(hand, request)) for _ in range(CROWD)))
        await wait_until(lambda: len(hand.responses) == CROWD, 15, "every attempt is answered")
        await hand.heard(EventName.DONE)
    assert len({str(response.result) for response in hand.responses}) == 1
    assert stage.diary.lines() == ["bake gate 1", "bake gate 1 is over"]


@pytest.mark.parametrize(
    "changes",
    [{"args": {"item": "chair"}}, {"tool": "ship", "args": {"gate": "gate"}}],
    ids=["other arguments", "another tool"],
)
async def test_another_meaning_under_the_same_id_is_a_conflict(
    stage: Stage, changes: dict[str, object]
) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": "table"})
        assert (await hand.ask(request)).result == 1
        assert await hand.refusal(again(hand, request).model_copy(update=changes)) is Code.REQUEST_ID_CONFLICT
    assert stage.diary.lines() == ["book table"]


async def test_a_failure_is_stored_like_a_result(stage: Stage) -> None:
    """A tool that said no is not asked again: the same request has the same ending."""
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("sell", {"item": "table"})
        first = await hand.ask(request)
        second = await hand.ask(again(hand, request))
    assert first.error == second.error
    assert first.error is not None
    assert first.error.reason == "sold_out"
    assert stage.diary.lines() == ["sell table"]


async def test_a_refused_request_may_be_mended_under_its_id(stage: Stage) -> None:
    """Nothing ran and nothing was recorded, so the id is free."""
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        request = hand.request("book", {"item": 5})
        assert await hand.refusal(request) is Code.INVALID_ARGS
        mended = again(hand, request).model_copy(update={"args": {"item": "table"}})
        assert (await hand.ask(mended)).result == 1


async def test_a_replay_of_a_tool_that_only_reads_is_ignored(stage: Stage) -> None:
    """It has no record: its nonce is remembered instead."""
    stage.diary.open("gate")
    async with stage.replica() as replica, Handmade(stage.url, stage.home) as hand:
        request = hand.request("peek", {"gate": "gate"})
        asked = await hand.send(request)
        await hand.answer(asked)
        await hand.send(request)
        await wait_until(lambda: replica.counts["repeated"] == 1, 15, "the replay is counted")
    assert stage.diary.lines() == ["peek gate"]


async def test_a_client_may_use_its_request_id_again_for_the_same(stage: Stage) -> None:
    """As the errors of a call that timed out recommend it."""
    async with stage.replica(), stage.client() as client:
        mine = client.options(request_id="order-17")
        assert [await mine.call(book, "table") for _ in range(2)] == [1, 1]
    assert stage.diary.lines() == ["book table"]


async def test_a_client_finds_its_job_by_submitting_it_again(stage: Stage) -> None:
    stage.diary.open("gate")
    async with stage.replica():
        ids: list[str] = []
        for _ in range(2):
            async with stage.client() as client:
                job = await client.options(request_id="order-17").submit(bake, "gate")
                assert (await job.result(timeout=15)).attempt == 1
                ids.append(job.id)
    assert ids[0] == ids[1]
    assert stage.diary.lines() == ["bake gate 1", "bake gate 1 is over"]


async def test_the_same_request_id_of_two_clients_is_two_requests(stage: Stage) -> None:
    async with stage.replica(), stage.client(CLIENTS[0]) as one, stage.client(CLIENTS[1]) as other:
        assert await one.options(request_id="order-17").call(book, "table") == 1
        assert await other.options(request_id="order-17").call(book, "chair") == 2
        with pytest.raises(RequestIdConflict):
            await other.options(request_id="order-17").call(book, "table")
