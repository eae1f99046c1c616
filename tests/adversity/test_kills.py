"""Replicas are killed or frozen: what was confirmed is there, and every request has one ending."""

import asyncio
import time

import pytest

from tests.handmade import Handmade
from tests.served import Made, bake, book, brew, ferment, peek, ship, tidy
from tests.stage import LEASE_S, ReplicaProcess, Stage, more_of, progress_of
from tests.waiting import wait_until
from toolwire.client import Failed, Interrupted, NotAccepted, Status
from toolwire.contracts.errors import Code
from toolwire.contracts.history import Happened, Why
from toolwire.contracts.jobs import EventName

SOON_S = LEASE_S + 6
"""By when a lost replica's work is taken over: its lease, a sweep, and two busy cores."""


# --- jobs ---


@pytest.mark.promise("P7", "P8")
async def test_a_job_of_a_killed_replica_is_finished_by_another(stage: Stage) -> None:
    """As its next attempt; events and poll tell the same."""
    async with stage.process() as doomed, stage.client() as client:
        job = await client.submit(brew, "gate", {"task": "demo"})
        await stage.noted("brew gate 1")
        async with stage.replica():
            await doomed.kill()
            killed = time.monotonic()
            await stage.noted("brew gate 2")
            assert time.monotonic() - killed < SOON_S
            stage.diary.open("gate")
            assert await job.result(timeout=10) == Made(payload={"task": "demo"}, attempt=2)
            *_, last = [event async for event in job.events()]
            assert last.snapshot == await job.poll()


@pytest.mark.promise("P7")
async def test_the_events_of_both_attempts_make_one_story(stage: Stage) -> None:
    async with stage.process() as doomed, Handmade(stage.url, stage.home) as hand:
        await hand.send(hand.request("brew", {"gate": "gate"}))
        await hand.heard(EventName.PROGRESS)
        async with stage.replica():
            await doomed.kill()
            await hand.heard(EventName.RETRYING)
            await wait_until(
                lambda: any(event.data.attempt == 2 and event.data.progress for event in hand.events),
                SOON_S,
                "progress of the second attempt",
            )
            stage.diary.open("gate")
            await hand.heard(EventName.DONE)
    # An event that was sent but not marked so is sent again: receivers count them by `seq`.
    assert sorted({(event.data.seq, str(event.event), event.data.attempt) for event in hand.events}) == [
        (1, "accepted", 0),
        (2, "started", 1),
        (3, "progress", 1),
        (4, "retrying", 1),
        (5, "started", 2),
        (6, "progress", 2),
        (7, "done", 2),
    ]


@pytest.mark.promise("P7")
async def test_a_job_that_may_not_run_twice_is_told_as_interrupted(stage: Stage) -> None:
    async with stage.process() as doomed, stage.client() as client:
        job = await client.submit(bake, "gate")
        await stage.noted("bake gate 1")
        async with stage.replica():
            await doomed.kill()
            killed = time.monotonic()
            *_, last = [event async for event in job.events()]
            assert time.monotonic() - killed < SOON_S
            assert isinstance(last, Failed)
            assert last.error.code is Code.INTERRUPTED
            assert last.snapshot == await job.poll()
    assert stage.diary.lines() == ["bake gate 1"]


async def test_a_job_that_was_cancelled_is_not_run_again(stage: Stage) -> None:
    """The intent was recorded; its holder died before it could obey."""
    async with stage.freezable(lease_s=4) as doomed, stage.client() as client:
        job = await client.submit(brew, "gate")
        await stage.noted("brew gate 1")
        doomed.freeze()
        async with stage.replica():
            assert (await job.cancel()).status is Status.RUNNING
            await doomed.kill()
            *_, last = [event async for event in job.events()]
            assert last.snapshot.status is Status.CANCELLED
    assert stage.diary.lines() == ["brew gate 1"]


@pytest.mark.promise("P8")
async def test_every_accepted_job_is_finished_after_everything_was_killed(stage: Stage) -> None:
    """Some are running, most are waiting, and no replica is left for a while."""
    async with stage.client() as client:
        async with stage.process() as one, stage.process() as other:
            jobs = await asyncio.gather(*(client.submit(brew, "gate", number) for number in range(20)))
            await stage.noted("brew gate 1", times=8)
            await asyncio.gather(one.kill(), other.kill())
        stage.diary.open("gate")
        async with stage.replica():
            made = await asyncio.gather(*(job.result(timeout=20) for job in jobs))
    assert [each.payload for each in made] == list(range(20))
    assert sorted({each.attempt for each in made}) == [1, 2]


@pytest.mark.promise("P8")
async def test_a_submission_that_waits_in_the_queue_outlives_every_replica(stage: Stage) -> None:
    async with stage.process() as doomed:
        await doomed.kill()
    stage.diary.open("gate")
    async with stage.client() as client:
        with pytest.raises(NotAccepted):
            await client.options(timeout=1).submit(bake, "gate")
        async with stage.replica():
            await stage.noted("bake gate 1")


@pytest.mark.promise("P7", "P8")
async def test_jobs_survive_replicas_that_are_killed_again_and_again(stage: Stage) -> None:
    """Whatever was accepted ends in `done`, told once, though replicas die in the middle of everything."""
    async with stage.client() as client, stage.replica(job_slots=2):
        submitting = asyncio.gather(*(client.submit(brew, "gate", number) for number in range(16)))
        for _ in range(2):
            async with stage.process() as doomed:
                await wait_until(lambda: stage.diary.lines(), 10, "a job has begun")
                await doomed.kill()
        jobs = await submitting
        stage.diary.open("gate")
        made = await asyncio.gather(*(job.result(timeout=25) for job in jobs))
        assert [each.payload for each in made] == list(range(16))
        polled = [await job.poll() for job in jobs]
        assert [snapshot.attempt for snapshot in polled] == [each.attempt for each in made]


# --- calls ---


@pytest.mark.promise("P7")
async def test_a_call_of_a_killed_replica_that_may_not_run_twice_is_interrupted(stage: Stage) -> None:
    async with stage.process() as doomed, stage.client() as client:
        calling = asyncio.create_task(client.call(ship, "gate"))
        await stage.noted("ship gate")
        async with stage.replica():
            await doomed.kill()
            with pytest.raises(Interrupted):
                await calling
    assert stage.diary.lines() == ["ship gate"]


@pytest.mark.promise("P4")
async def test_an_idempotent_call_of_a_killed_replica_runs_again(stage: Stage) -> None:
    async with stage.process() as doomed, stage.client() as client:
        calling = asyncio.create_task(client.call(tidy, "gate"))
        await stage.noted("tidy gate 1")
        async with stage.replica():
            await doomed.kill()
            await stage.noted("tidy gate 2")
            stage.diary.open("gate")
            assert await calling == 2


@pytest.mark.promise("P8")
async def test_a_call_that_only_reads_is_redelivered(stage: Stage) -> None:
    async with stage.process() as doomed, stage.client() as client:
        calling = asyncio.create_task(client.call(peek, "gate"))
        await stage.noted("peek gate")
        async with stage.replica():
            await doomed.kill()
            await stage.noted("peek gate", times=2)
            stage.diary.open("gate")
            assert await calling == "gate"


@pytest.mark.promise("P4", "P7")
async def test_calls_have_one_ending_while_replicas_are_killed(stage: Stage) -> None:
    """Each is booked once and answered, or told as interrupted: then it was booked once or not at all."""
    answered: list[str] = []
    interrupted: list[str] = []
    over = asyncio.Event()

    async def load(loader: int) -> None:
        turn = 0
        while not over.is_set():
            item = f"{loader}-{turn}"
            turn += 1
            try:
                await client.call(book, item)
            except Interrupted:
                interrupted.append(f"book {item}")
            else:
                answered.append(f"book {item}")

    async with stage.client() as client, stage.replica():
        loading = asyncio.gather(*(load(number) for number in range(8)))
        for _ in range(2):
            async with stage.process() as doomed:
                await more_of(answered, 24, loading)
                await doomed.kill()
        over.set()
        await loading
    booked = stage.diary.lines()
    assert len(booked) == len(set(booked))
    assert set(answered) <= set(booked)
    assert set(booked) - set(answered) <= set(interrupted)


# --- replicas that freeze and come back ---


@pytest.mark.promise("P10")
async def test_a_replica_that_wakes_up_after_its_lease_writes_nothing(stage: Stage) -> None:
    """The other one is in the middle of the second attempt, and the first one's gate is open."""
    async with stage.freezable() as stale, stage.client() as client:
        job = await client.submit(ferment, "gate")
        await stage.noted("ferment gate-1 1")
        stale.freeze()
        async with stage.replica():
            await stage.noted("ferment gate-2 2")
            before = await progress_of(job, attempt=2)
            stage.diary.open("gate-1")
            await _has_had_its_say(stale)
            assert await job.poll() == before
            stage.diary.open("gate-2")
            assert (await job.result(timeout=10)).attempt == 2
            history = [(entry.event, entry.attempt, entry.why) for entry in (await job.history()).entries]
            assert (Happened.RETRYING, 1, Why.LEASE_LOST) in history


@pytest.mark.promise("P4", "P10")
async def test_a_job_that_was_finished_by_another_stays_as_it_is(stage: Stage) -> None:
    async with (
        stage.freezable() as stale,
        Handmade(stage.url, stage.home) as hand,
        stage.client() as client,
    ):
        await hand.send(hand.request("brew", {"gate": "gate"}))
        await stage.noted("brew gate 1")
        stale.freeze()
        async with stage.replica():
            await stage.noted("brew gate 2")
            stage.diary.open("gate")
            done = await hand.heard(EventName.DONE)
            await _has_had_its_say(stale)
            assert await client.job(done.data.job_id).poll() == done.data
    assert done.data.attempt == 2
    assert [event.data.final for event in hand.events].count(True) == 1


@pytest.mark.promise("P7", "P10")
async def test_a_call_that_was_settled_by_another_is_told_once(stage: Stage) -> None:
    """`interrupted` was recorded and told: the late result is dropped, a duplicate hears the same."""
    async with (
        stage.freezable() as stale,
        Handmade(stage.url, stage.home) as hand,
    ):
        request = hand.request("ship", {"gate": "gate"})
        asked = await hand.send(request)
        await stage.noted("ship gate")
        stale.freeze()
        async with stage.replica():
            settled = await hand.answer(asked)
            assert settled.error is not None
            assert settled.error.code is Code.INTERRUPTED
            stage.diary.open("gate")
            await _has_had_its_say(stale)
            # A frozen replica's delivery may come back to the broker: then the stored answer is told again.
            assert all(answer.error == settled.error for answer in hand.responses)
            again = await hand.ask(request.model_copy(update={"nonce": "n" * 22}))
            assert again.error == settled.error


async def _has_had_its_say(stale: ReplicaProcess) -> None:
    """Wake it up, let it do and write whatever it wants, and wait for its end."""
    stale.thaw()
    stale.terminate()
    assert await stale.ended() == 0
