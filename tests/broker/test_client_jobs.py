"""A job's owner hears of it by events and by polls, and its wait ends with the one final state."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.broker.responder import (
    CLIENT,
    SERVER,
    Asked,
    Responder,
    job,
    new_home,
    refusal,
)
from tests.waiting import wait_until
from toolwire.client import (
    Client,
    Current,
    DeadlineExceeded,
    Done,
    JobCancelled,
    JobEvent,
    JobFailed,
    JobNotFound,
    JobNotOver,
    NotAJob,
    Progress,
    Progressed,
    ResultMismatch,
    Started,
    ToolFailed,
)
from toolwire.client.home import Home
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.snapshots import JobSnapshot

ACCEPTED = job(1, Status.ACCEPTED, started_ms=None, attempt=0)
STARTED = job(2)
HALF_WAY = job(3, progress=Progress(fraction=0.5))
DONE = job(4, Status.DONE, result={"total": 3})
FAILED = job(4, Status.ERROR, error=refusal(Code.TOOL_ERROR, reason="card_declined"))
CANCELLED = job(4, Status.CANCELLED, error=refusal(Code.CANCELLED))
FOUND = {"job_id": "job-1"}


class JobServer:
    """The behaviour of a server with one job, whose state the test moves on."""

    def __init__(self) -> None:
        self.state: JobSnapshot | None = ACCEPTED
        self.submitted: Asked | None = None
        self.polls = 0

    async def __call__(self, responder: Responder, asked: Asked) -> None:
        """Accept a submission; answer a poll or a cancel with the state."""
        if asked.request.tool not in {"poll_job", "cancel_job"}:
            self.submitted = asked
            await responder.answer(asked, status="accepted", result=FOUND)
        elif self.state is None:
            await responder.answer(asked, error=refusal(Code.JOB_NOT_FOUND))
        else:
            self.polls += 1
            await responder.answer(asked, status=self.state.status, result=self.state.model_dump(mode="json"))

    async def move(self, responder: Responder, name: EventName, state: JobSnapshot) -> None:
        """Change the state, and tell the owner."""
        self.state = state
        assert self.submitted is not None
        await responder.send(self.submitted, responder.event(self.submitted, name, state))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
def server() -> JobServer:
    return JobServer()


@pytest.fixture
async def responder(vhost_url: str, home: Home, server: JobServer) -> AsyncIterator[Responder]:
    async with Responder(vhost_url, home, server) as responder:
        yield responder


@pytest.fixture
async def client(vhost_url: str, home: Home, responder: Responder) -> AsyncIterator[Client]:
    async with Client(CLIENT, server=SERVER, broker=vhost_url, home=home.path) as client:
        yield client


async def test_events_begin_with_the_current_state_and_end_with_the_final_one(
    client: Client, server: JobServer, responder: Responder
) -> None:
    submitted = await client.submit("long")
    seen: list[JobEvent] = []
    async for event in submitted.events():
        seen.append(event)
        match event:
            case Current():
                await server.move(responder, EventName.STARTED, STARTED)
            case Started():
                await server.move(responder, EventName.PROGRESS, HALF_WAY)
            case Progressed():
                await server.move(responder, EventName.DONE, DONE)
            case _:
                pass
    assert seen == [Current(ACCEPTED), Started(STARTED), Progressed(HALF_WAY), Done(DONE)]


async def test_an_event_is_told_once_and_never_backwards(
    client: Client, server: JobServer, responder: Responder
) -> None:
    submitted = await client.submit("long")
    told: list[JobEvent] = []
    async for event in submitted.events():
        told.append(event)
        if isinstance(event, Current):
            for name, state in [
                (EventName.PROGRESS, HALF_WAY),
                (EventName.PROGRESS, HALF_WAY),
                (EventName.STARTED, STARTED),
                (EventName.DONE, DONE),
            ]:
                await server.move(responder, name, state)
    assert told == [Current(ACCEPTED), Progressed(HALF_WAY), Done(DONE)]
    assert client.dropped == {"duplicate": 2}


async def test_a_job_that_is_over_has_its_current_and_its_final_event(
    client: Client, server: JobServer
) -> None:
    server.state = DONE
    assert [event async for event in client.job("job-1").events()] == [Current(DONE), Done(DONE)]


@pytest.mark.promise("P7")
async def test_the_result_comes_with_the_final_event_without_a_poll(
    client: Client, server: JobServer, responder: Responder
) -> None:
    submitted = await client.submit("long", returns=dict[str, int])
    waiting = asyncio.create_task(submitted.result(timeout=15))
    await server.move(responder, EventName.DONE, DONE)
    assert await waiting == {"total": 3}
    assert server.polls == 0


async def test_an_end_that_was_told_before_anybody_asked_is_known(
    client: Client, server: JobServer, responder: Responder
) -> None:
    submitted = await client.submit("long")
    await server.move(responder, EventName.DONE, DONE)
    server.state = None  # no poll could tell any more
    assert await submitted.result(timeout=15) == {"total": 3}


async def test_an_end_that_was_told_before_the_acceptance_is_known(
    client: Client, vhost_url: str, home: Home, responder: Responder
) -> None:
    async def eager(responder: Responder, asked: Asked) -> None:
        await responder.send(asked, responder.event(asked, EventName.DONE, DONE))
        await responder.answer(asked, status="accepted", result=FOUND)

    await responder.__aexit__()
    async with Responder(vhost_url, home, eager):
        submitted = await client.submit("long")
        assert await submitted.result(timeout=15) == {"total": 3}


@pytest.mark.promise("P7")
async def test_an_end_whose_event_was_lost_is_found_by_a_poll(client: Client, server: JobServer) -> None:
    server.state = job(2, poll_after_ms=50)
    submitted = await client.submit("long")
    await submitted.poll()
    waiting = asyncio.create_task(submitted.result(timeout=15))
    await wait_until(lambda: server.polls > 1, 15, "it looked for itself")
    server.state = DONE
    assert await waiting == {"total": 3}


async def test_a_failed_job_raises_what_the_server_signed(
    client: Client, server: JobServer, responder: Responder
) -> None:
    submitted = await client.submit("long")
    await server.move(responder, EventName.ERROR, FAILED)
    with pytest.raises(JobFailed) as caught:
        await submitted.result(timeout=15)
    assert (caught.value.code, caught.value.reason) == (Code.TOOL_ERROR, "card_declined")


async def test_a_cancelled_job_is_an_exception_of_its_own(
    client: Client, server: JobServer, responder: Responder
) -> None:
    submitted = await client.submit("long")
    await server.move(responder, EventName.CANCELLED, CANCELLED)
    with pytest.raises(JobCancelled):
        await submitted.result(timeout=15)


async def test_a_wait_that_ends_before_the_job_says_that_it_goes_on(client: Client) -> None:
    submitted = await client.submit("long")
    with pytest.raises(JobNotOver, match="goes on"):
        await submitted.result(timeout=0.3)


async def test_a_call_follows_a_job_to_its_end(
    client: Client, server: JobServer, responder: Responder
) -> None:
    calling = asyncio.create_task(client.call("long", returns=dict[str, int]))
    await wait_until(lambda: server.submitted, 15, "it was submitted")
    await server.move(responder, EventName.DONE, DONE)
    assert await calling == {"total": 3}


async def test_a_call_whose_job_is_not_over_by_the_deadline_has_failed(client: Client) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        await client.options(timeout=0.3).call("long")
    assert not isinstance(caught.value, JobNotOver)


async def test_a_submission_that_is_answered_at_once_is_no_job(
    client: Client, vhost_url: str, home: Home, responder: Responder
) -> None:
    async def answer(responder: Responder, asked: Asked) -> None:
        await responder.answer(asked)

    await responder.__aexit__()
    async with Responder(vhost_url, home, answer):
        with pytest.raises(NotAJob, match="use `call`"):
            await client.submit("total")


async def test_a_refused_submission_raises_the_class_of_its_code(
    client: Client, vhost_url: str, home: Home, responder: Responder
) -> None:
    async def refuse(responder: Responder, asked: Asked) -> None:
        await responder.answer(asked, error=refusal(Code.TOOL_ERROR))

    await responder.__aexit__()
    async with Responder(vhost_url, home, refuse):
        with pytest.raises(ToolFailed):
            await client.submit("long")


async def test_cancel_tells_how_the_job_stands(client: Client, server: JobServer) -> None:
    submitted = await client.submit("long")
    server.state = CANCELLED
    assert await submitted.cancel() == CANCELLED
    with pytest.raises(JobCancelled):
        await submitted.result(timeout=15)


async def test_a_poll_that_tells_of_another_job_is_refused(client: Client, server: JobServer) -> None:
    server.state = STARTED
    with pytest.raises(ResultMismatch, match="another job"):
        await client.job("job-2").poll()


async def test_a_job_that_is_not_there_is_told_at_once(client: Client, server: JobServer) -> None:
    server.state = None
    with pytest.raises(JobNotFound):
        await client.job("job-1").poll()
    with pytest.raises(JobNotFound):
        await client.job("job-1").result(timeout=15)


@pytest.mark.promise("P8")
async def test_events_wait_for_a_named_instance_that_is_away(
    vhost_url: str, home: Home, server: JobServer, responder: Responder
) -> None:
    def desk() -> Client:
        return Client(CLIENT, server=SERVER, broker=vhost_url, home=home.path, instance="desk-1")

    async with desk() as client:
        submitted = await client.submit("long")
    await server.move(responder, EventName.DONE, DONE)
    async with desk() as client:
        assert await client.job(submitted.id, returns=dict[str, int]).result(timeout=15) == {"total": 3}


async def test_under_a_request_id_of_ones_own_the_job_of_another_process_is_followed(
    client: Client, server: JobServer, responder: Responder
) -> None:
    """The first process's attempt made the job: its events carry that attempt's digest."""
    submitted = await client.options(request_id="order-17").submit("long")
    assert submitted.request_id == "order-17"
    assert server.submitted is not None
    first = Asked(server.submitted.request, "A" * 43)
    await responder.send(first, responder.event(first, EventName.DONE, DONE))
    assert await submitted.result(timeout=15) == {"total": 3}


async def test_a_job_that_was_over_before_its_last_attempt_was_accepted_is_found_at_once(
    vhost_url: str, home: Home
) -> None:
    """Its end was told while nobody knew of the job, and is not told again."""

    async def refuse_then_accept(responder: Responder, asked: Asked) -> None:
        match len(responder.asked):
            case 1:
                await responder.answer(
                    asked, error=refusal(Code.UNAVAILABLE, retryable=True, retry_after_ms=1)
                )
            case 2:
                await responder.answer(asked, status="accepted", result=FOUND)
            case _:
                await responder.answer(asked, status="done", result=DONE.model_dump(mode="json"))

    async with (
        Responder(vhost_url, home, refuse_then_accept),
        Client(CLIENT, server=SERVER, broker=vhost_url, home=home.path) as client,
    ):
        submitted = await client.submit("long")
        assert await submitted.result(timeout=4) == {"total": 3}  # an answer without news is polled after 5
