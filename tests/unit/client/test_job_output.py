"""A reader of a job's output gets every piece once and in order, whatever becomes of the events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random

import pytest
from pydantic import JsonValue

from tests.unit.contracts.samples import WIRE_ERROR, event, snapshot
from toolwire.client.clock import now_ms
from toolwire.client.following import Following
from toolwire.client.job_news import JobNews
from toolwire.client.job_output import MOST_AHEAD, all_output
from toolwire.client.jobs import Job, Told
from toolwire.contracts.builtin import POLL_JOB, JobOutput, OutputPieces
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import (
    BrokerAway,
    ClientClosed,
    Code,
    JobNotFound,
    RemoteError,
    ResultMismatch,
    ToolwireError,
)
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.snapshots import JobSnapshot

SOON = 10.0
GONE = RemoteError.of(WIRE_ERROR.model_copy(update={"code": Code.JOB_NOT_FOUND}))


class Server:
    """A job of a server: its events so far, and what a client may ask."""

    def __init__(self, page: int = 2) -> None:
        self.events: list[Event] = []
        self.reads: list[int] = []
        """After which event it was asked for output."""
        self.trouble: list[ToolwireError] = []
        """What the next questions for output raise."""
        self.following = Following("server-1", "job-1", None)
        self._page = page
        self.happens(EventName.ACCEPTED)
        self.happens(EventName.STARTED)

    def happens(self, name: EventName, *output: JsonValue) -> Event:
        """Record an event. Nobody is told yet."""
        seq = len(self.events) + 1
        over = name is EventName.DONE
        status = {EventName.DONE: Status.DONE, EventName.ACCEPTED: Status.ACCEPTED}.get(name, Status.RUNNING)
        data = snapshot(
            status=status,
            seq=seq,
            final=over,
            poll_after_ms=None if over else 20,
            deadline_ms=now_ms() + 60_000,
        )
        self.events.append(event(event=name, data=data, output=output or None))
        return self.events[-1]

    async def poll(self) -> JobSnapshot:
        self.following.learn(self.events[-1].data)
        return self.events[-1].data

    async def read(self, after: int) -> JobOutput:
        self.reads.append(after)
        if self.trouble:
            raise self.trouble.pop(0)
        told = [each for each in self.events if each.output is not None and each.data.seq > after]
        pieces = tuple(
            OutputPieces(seq=each.data.seq, attempt=1, output=each.output or ())
            for each in told[: self._page]
        )
        more = len(told) > self._page
        return JobOutput(job_id="job-1", server_id="server-1", pieces=pieces, more=more, seq=len(self.events))


@asynccontextmanager
async def reading(server: Server) -> AsyncGenerator[AsyncGenerator[JsonValue, None]]:
    """Read the output of the job."""
    news = JobNews(server.following, server.poll, request_id=None, deadline_ms=None, most=MOST_AHEAD)
    async with asyncio.timeout(SOON), news:
        pieces = all_output(news, server.poll, server.read)
        try:
            yield pieces
        finally:
            await pieces.aclose()


async def rest(pieces: AsyncGenerator[JsonValue, None]) -> list[JsonValue]:
    return [piece async for piece in pieces]


async def test_events_are_used_as_they_come() -> None:
    server = Server()
    server.happens(EventName.OUTPUT, "before")
    async with reading(server) as pieces:
        assert await anext(pieces) == "before"
        for each in (
            server.happens(EventName.PROGRESS),
            server.happens(EventName.OUTPUT, 1, None, 2),
            server.happens(EventName.OUTPUT, 3),
            server.happens(EventName.DONE),
        ):
            server.following.tell(each)
        assert await rest(pieces) == [1, None, 2, 3]
    assert server.reads == [0]


async def test_the_output_of_a_job_that_is_over_is_read() -> None:
    server = Server()
    for number in range(5):
        server.happens(EventName.OUTPUT, number)
    server.happens(EventName.DONE)
    async with reading(server) as pieces:
        assert await rest(pieces) == [0, 1, 2, 3, 4]
    assert server.reads == [0, 4, 6]


async def test_what_an_event_skipped_is_read_and_what_comes_late_is_old() -> None:
    server = Server()
    async with reading(server) as pieces:
        first = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        lost, overtaken = server.happens(EventName.OUTPUT, 1), server.happens(EventName.OUTPUT, 2)
        ahead = server.happens(EventName.OUTPUT, 3)
        assert server.following.tell(ahead) is None
        assert server.following.tell(overtaken) == "duplicate"
        assert server.following.tell(lost) == "duplicate"
        assert await first == 1
        server.following.tell(server.happens(EventName.OUTPUT, 4))
        server.following.tell(server.happens(EventName.DONE))
        assert await rest(pieces) == [2, 3, 4]


async def test_an_end_that_was_read_before_it_was_told_is_the_end() -> None:
    """The look at the output saw more than the look at the job before it."""
    server = Server()
    server.happens(EventName.OUTPUT, 1)
    async with reading(server) as pieces:
        assert await anext(pieces) == 1
        ahead = server.happens(EventName.OUTPUT, 2), server.happens(EventName.OUTPUT, 3)
        last = server.happens(EventName.DONE)
        server.following.tell(ahead[1])
        server.following.tell(last)
        assert await rest(pieces) == [2, 3]


async def test_without_any_event_polls_show_that_there_is_more() -> None:
    server = Server()
    async with reading(server) as pieces:
        for number in range(3):
            server.happens(EventName.OUTPUT, number)
            assert await anext(pieces) == number
        server.happens(EventName.DONE)
        assert await rest(pieces) == []


async def test_a_slow_reader_holds_few_events_and_misses_no_piece() -> None:
    server = Server(page=100)
    server.happens(EventName.OUTPUT, -1)
    async with reading(server) as pieces:
        assert await anext(pieces) == -1
        for number in range(5 * MOST_AHEAD):
            server.following.tell(server.happens(EventName.OUTPUT, number))
        server.following.tell(server.happens(EventName.DONE))
        assert await rest(pieces) == list(range(5 * MOST_AHEAD))
    assert len(server.reads) == 2, "the events in between were let go"


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_is_lost_doubled_or_late_each_piece_comes_once(seed: int) -> None:
    fate = Random(seed)
    server = Server(page=fate.randint(1, 4))
    put_out: list[JsonValue] = []

    async def run() -> None:
        late: list[Event] = []
        for number in range(60):
            name = fate.choice([EventName.OUTPUT, EventName.OUTPUT, EventName.PROGRESS])
            output = (
                [f"{number}.{part}" for part in range(fate.randint(1, 3))] if name == EventName.OUTPUT else []
            )
            put_out.extend(output)
            late.append(server.happens(name, *output))
            fate.shuffle(late)
            while late and fate.random() < 0.6:
                told = late.pop()
                for _ in range(fate.choice([0, 1, 1, 2])):
                    server.following.tell(told)
            if fate.random() < 0.1:
                server.following.look_again()
            if fate.random() < 0.3:
                await asyncio.sleep(0)
        server.happens(EventName.DONE)

    async with reading(server) as pieces:
        running = asyncio.create_task(run())
        assert await rest(pieces) == put_out
        await running


@pytest.mark.promise("P7")
async def test_a_question_that_fails_for_now_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolwire.client.job_news.ASK_AGAIN_S", 0.01)
    server = Server()
    server.happens(EventName.OUTPUT, 1)
    server.happens(EventName.DONE)
    server.trouble = [BrokerAway("it is down"), BrokerAway("it is down")]
    async with reading(server) as pieces:
        assert await rest(pieces) == [1]
    assert server.reads == [0, 0, 0]


@pytest.mark.promise("P7")
@pytest.mark.parametrize("lasting", [GONE, ClientClosed()], ids=["gone", "closed"])
async def test_a_question_that_fails_for_good_ends_the_reading(lasting: ToolwireError) -> None:
    server = Server()
    server.trouble = [lasting]
    async with reading(server) as pieces:
        with pytest.raises((JobNotFound, ClientClosed)):
            await anext(pieces)


def page(*seqs: int, more: bool, seq: int) -> JobOutput:
    pieces = tuple(OutputPieces(seq=number, attempt=1, output=("x",)) for number in seqs)
    return JobOutput(job_id="job-1", server_id="server-1", pieces=pieces, more=more, seq=seq)


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    "answer",
    [
        page(3, 2, more=False, seq=4),
        page(3, 3, more=False, seq=4),
        page(1, more=True, seq=4),
        page(more=True, seq=4),
        page(3, 5, more=False, seq=4),
        page(3, more=False, seq=3),
    ],
    ids=["out of order", "twice", "known already", "more of nothing", "not recorded yet", "less than told"],
)
async def test_a_server_whose_pages_lead_nowhere_is_not_asked_for_ever(answer: JobOutput) -> None:
    """It has told of four events."""
    following = Following("server-1", "job-1", None)
    stands = snapshot(status=Status.RUNNING, seq=4)

    async def ask(tool: str, job_id: str, returns: type[Told], /, **more: JsonValue) -> Told:
        await asyncio.sleep(0)
        if tool == POLL_JOB:
            assert isinstance(stands, returns)
            return stands
        # After its first event, the client asks for what comes after that.
        told = page(1, more=True, seq=4) if more["after"] == 0 else answer
        assert isinstance(told, returns)
        return told

    job: Job[JsonValue] = Job(following, ask, lambda result: result)
    with pytest.raises(ResultMismatch):
        async with asyncio.timeout(SOON):
            await rest(job.outputs())
