"""What is told of a job: events in order, equal to the polls, to its owner and to watchers."""

from collections.abc import AsyncGenerator

import pytest

from tests.handmade import Handmade
from tests.served import Made, bake, count_up, grind
from tests.stage import CLIENTS, HMAC_CLIENT, Stage, at_the_gate
from toolwire.client import (
    Current,
    Done,
    Job,
    Progressed,
    Started,
)
from toolwire.contracts.jobs import EventName
from toolwire.contracts.snapshots import Progress


@pytest.mark.promise("P7")
async def test_events_arrive_in_order_and_without_gaps(stage: Stage) -> None:
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        asked = await hand.send(hand.request("bake", {"gate": "gate"}))
        await hand.heard(EventName.PROGRESS)
        stage.diary.open("gate")
        await hand.heard(EventName.DONE)
        assert [(event.data.seq, event.event) for event in hand.events] == [
            (1, EventName.ACCEPTED),
            (2, EventName.STARTED),
            (3, EventName.PROGRESS),
            (4, EventName.DONE),
        ]
        assert {event.request_digest for event in hand.events} == {asked}


async def test_the_events_of_a_job_begin_with_how_it_stands_and_end_with_its_end(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        job = await client.submit(bake, "gate")
        events = [event async for event in _opening_on_the_way(stage, job)]
    assert isinstance(events[0], Current)
    assert all(isinstance(event, Started | Progressed) for event in events[1:-1])
    assert isinstance(events[-1], Done)
    assert events[-1].result == {"payload": None, "attempt": 1}
    seqs = [event.snapshot.seq for event in events]
    assert seqs == list(range(seqs[0], 5))


async def _opening_on_the_way(
    stage: Stage, job: Job[object]
) -> AsyncGenerator[Current | Started | Progressed | Done]:
    async for event in job.events():
        assert isinstance(event, Current | Started | Progressed | Done)
        yield event
        if event.snapshot.progress is not None:
            stage.diary.open("gate")


async def test_the_events_of_a_finished_job_are_its_state_and_its_end(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        job = await client.submit(count_up, 1)
        await job.result(timeout=15)
        first, last = [event async for event in job.events()]
    assert (type(first), type(last)) == (Current, Done)
    assert first.snapshot == last.snapshot


@pytest.mark.promise("P7")
async def test_an_event_equals_the_poll_of_the_same_moment(stage: Stage) -> None:
    """In the middle and at the end: whole snapshots."""
    async with stage.replica(), stage.client() as client:
        async with at_the_gate(stage, client) as (job, told):
            assert told == await job.poll()
            assert told.progress == Progress(fraction=0.5, message="at the gate gate")
        *_, last = [event async for event in job.events()]
        assert last.snapshot == await job.poll()
        assert last.snapshot.final


@pytest.mark.promise("P7")
async def test_every_event_of_the_wire_equals_what_was_recorded(stage: Stage) -> None:
    stage.diary.open("gate")
    async with stage.replica(), Handmade(stage.url, stage.home) as hand, stage.client() as client:
        answer = await hand.ask(hand.request("bake", {"gate": "gate", "payload": {"ä": [1, 2.0]}}))
        assert isinstance(answer.result, dict)
        await hand.heard(EventName.DONE)
        assert hand.events[-1].data == await client.job(str(answer.result["job_id"])).poll()


async def test_progress_is_thinned_out_but_its_last_word_is_kept(stage: Stage) -> None:
    steps = 300
    async with stage.replica(), Handmade(stage.url, stage.home) as hand:
        await hand.send(hand.request("count_up", {"steps": steps}))
        await hand.heard(EventName.DONE)
    told = [event for event in hand.events if event.event is EventName.PROGRESS]
    assert len(told) < 10
    assert hand.events[-1].data.progress == Progress(fraction=1.0, message=f"{steps} of {steps}")
    assert [event.data.seq for event in hand.events] == list(range(1, len(hand.events) + 1))


async def test_progress_of_a_thread_is_told_too(stage: Stage) -> None:
    async with stage.replica(), stage.client() as client:
        job = await client.submit(grind, "gate")
        told = [event.snapshot.progress async for event in _opening_on_the_way(stage, job)]
        assert told[-1] == Progress(fraction=0.25, message="grinding")


async def test_a_job_that_goes_on_tells_its_events_to_the_later_process(stage: Stage) -> None:
    async with stage.replica():
        async with stage.client(instance="desk") as client:
            job_id = (await client.submit(bake, "gate")).id
            await stage.noted("bake gate 1")
        async with stage.client(instance="desk") as later:
            events = [event async for event in _opening_on_the_way(stage, later.job(job_id, returns=Made))]
            assert isinstance(events[-1], Done)


@pytest.mark.promise("P6")
@pytest.mark.parametrize("client_id", [CLIENTS[0], HMAC_CLIENT])
async def test_a_watcher_hears_the_events_under_the_servers_own_key(stage: Stage, client_id: str) -> None:
    """Also of a client that shares a secret with the server: a watcher could not verify that."""
    async with (
        stage.replica(),
        stage.watching() as heard,
        Handmade(stage.url, stage.home, client_id) as hand,
    ):
        await hand.send(hand.request("count_up", {"steps": 1}))
        await hand.heard(EventName.DONE)
        watched = [await heard() for _ in hand.events]
    assert sorted(event.data.seq for event in watched) == [event.data.seq for event in hand.events]
    assert {event.event for event in watched} == {event.event for event in hand.events}
