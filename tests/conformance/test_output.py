"""Output: what a job puts out before it is over reaches its owner, each piece once and in order."""

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue

from tests.conformance.conftest import CLIENTS, PATIENCE_S
from tests.served import Diary, open_diary
from toolwire.broker.transport import Transport
from toolwire.client import Job, JobNotFound, Output, Status
from toolwire.services import JobContext, PieceRefused, Service
from toolwire.testing import Bench, Faults

talker = Service("talker", lifespan=open_diary)


class Row(BaseModel):
    """A piece that is no plain JSON."""

    number: int


@talker.job()
async def count(ctx: JobContext[Diary], to: int) -> int:
    """Put out all numbers, as fast as it goes."""
    for number in range(to):
        await ctx.emit(number)
    return to


@talker.job()
def count_in_thread(ctx: JobContext[Diary], to: int) -> int:
    """Put out all numbers from a thread, as fast as it goes."""
    for number in range(to):
        ctx.emit(number)
    return to


@talker.job()
async def tell(ctx: JobContext[Diary], gate: str) -> None:
    """Put out a piece before the gate, and pieces of other kinds behind it."""
    await ctx.emit("before")
    await ctx.progress(0.5, "half way")
    await ctx.state.passed(gate)
    for piece in (None, {"a": [1.5, "ä"]}, Row(number=1)):
        await ctx.emit(piece)


@talker.job(max_attempts=2)
async def stammer(ctx: JobContext[Diary]) -> None:
    """Put out the same in each attempt, the first of which breaks."""
    for word in ("one", "two"):
        await ctx.emit(word)
    if ctx.attempt == 1:
        raise RuntimeError("it broke")


@talker.job()
async def say_goodbye(ctx: JobContext[Diary]) -> None:
    """Put out a last word when it is cancelled."""
    await ctx.emit("hello")
    try:
        await asyncio.Event().wait()
    finally:
        await ctx.emit("goodbye")


@talker.job()
async def mumble(ctx: JobContext[Diary]) -> list[str]:
    """Try to put out what cannot be."""
    refused: list[str] = []
    for piece in (float("nan"), object(), "x" * 2**20):
        try:
            await ctx.emit(piece)
        except PieceRefused as error:
            refused.append(str(error))
    await ctx.emit("clear")
    return refused


Faulty = Callable[..., Bench]


@pytest.fixture
def faulty(transport: Transport) -> Faulty:
    """Make a bench of the talker, with faults or without."""

    def make(faults: Faults | None = None) -> Bench:
        home = os.environ["TOOLWIRE_HOME"]
        return Bench(talker, home, transport, clients=CLIENTS, faults=faults, timeout=PATIENCE_S)

    return make


@pytest.fixture
def bench(faulty: Faulty) -> Bench:
    return faulty()


@pytest.fixture
def diary(bench: Bench) -> Diary:
    return Diary(bench.home.path)


async def all_of(job: Job[Any], *, look_every: float | None = None) -> list[JsonValue]:
    """Everything that the job puts out, until it is over."""
    async with asyncio.timeout(PATIENCE_S):
        return [piece async for piece in job.outputs(look_every=look_every)]


@pytest.mark.parametrize("tool", ["count", "count_in_thread"])
async def test_every_piece_comes_once_and_in_order(bench: Bench, tool: str) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(tool, {"to": 2000})
        assert await all_of(job) == list(range(2000))
        assert await all_of(job) == list(range(2000))  # it is over: all of it is read
        assert (await job.poll()).status is Status.DONE


async def test_pieces_come_while_the_job_runs(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(tell, "gate")
        async with asyncio.timeout(PATIENCE_S), aclosing(job.outputs()) as outputs:
            assert await anext(outputs) == "before"
            diary.open("gate")
            assert [piece async for piece in outputs] == [None, {"a": [1.5, "ä"]}, {"number": 1}]


async def test_who_did_not_submit_the_job_reads_it_too(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client, bench.client() as elsewhere:
        job = await client.submit(tell, "gate")
        found = elsewhere.job(job.id)
        async with asyncio.timeout(PATIENCE_S), aclosing(found.outputs(look_every=0.05)) as outputs:
            assert await anext(outputs) == "before"
            diary.open("gate")
            assert len([piece async for piece in outputs]) == 3


async def test_the_events_tell_of_output_and_of_progress(bench: Bench, diary: Diary) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(tell, "gate")
        pieces: list[JsonValue] = []
        seqs: list[int] = []
        async with asyncio.timeout(PATIENCE_S):
            async for event in job.events():
                seqs.append(event.snapshot.seq)
                pieces += event.pieces if isinstance(event, Output) else ()
                if event.snapshot.progress is not None:
                    diary.open("gate")
        assert pieces[-3:] == [None, {"a": [1.5, "ä"]}, {"number": 1}]
        assert seqs == sorted(set(seqs))


@pytest.mark.promise("P7")
async def test_lost_and_late_events_cost_no_piece(faulty: Faulty) -> None:
    """The reader sees the gap and asks for what it did not get."""
    faults = Faults(drop=0.3, duplicate=0.3, reorder=0.5, delay=0.05, kinds={"event"})
    bench = faulty(faults)
    async with bench.running(), bench.client() as client:
        jobs = [await client.submit(count, 20_000) for _ in range(3)]
        for told in await asyncio.gather(*(all_of(job, look_every=0.2) for job in jobs)):
            assert told == list(range(20_000))
    assert faults.injected["drop event"]


async def test_another_attempt_goes_on_behind_the_first(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(stammer)
        assert await all_of(job) == ["one", "two", "one", "two"]
        page = await job.read_output()
        assert {(event.attempt, piece) for event in page.pieces for piece in event.output} == {
            (attempt, piece) for attempt in (1, 2) for piece in ("one", "two")
        }
        assert not page.more
        later = await job.read_output(after=page.pieces[-1].seq)
        assert (later.pieces, later.more, later.seq) == ((), False, page.seq)


async def test_a_cancelled_job_has_the_last_word(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(say_goodbye)
        async with asyncio.timeout(PATIENCE_S), aclosing(job.outputs()) as outputs:
            assert await anext(outputs) == "hello"
            await job.cancel()
            assert [piece async for piece in outputs] == ["goodbye"]
        assert (await job.poll()).status is Status.CANCELLED


async def test_what_cannot_be_a_piece_is_told_to_its_tool(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        job = await client.submit(mumble)
        assert await all_of(job) == ["clear"]
        assert await job.result(timeout=PATIENCE_S) == [
            "a piece of output of type float has no JSON form",
            "a piece of output of type object has no JSON form",
            "a piece of output has 1048580 bytes; a message holds at most 1032192. Put it out in smaller "
            "pieces, or keep it elsewhere and put out where it is.",
        ]


@pytest.mark.promise("P5")
async def test_anothers_output_is_no_output(bench: Bench) -> None:
    async with bench.running(), bench.client() as client, bench.client(CLIENTS[1]) as other:
        job = await client.submit(count, 1)
        await job.result(timeout=PATIENCE_S)
        for unknown in (job.id, "no-such-job"):
            with pytest.raises(JobNotFound):
                await other.job(unknown).read_output()
            with pytest.raises(JobNotFound):
                await all_of(other.job(unknown))
