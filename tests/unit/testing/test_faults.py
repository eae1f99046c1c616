"""With faults the client still ends every wait, tools run at most once, and jobs come to their end."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.waiting import wait_until
from toolwire.broker.consume import Delivery, Subscription
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import call_queue, request_route
from toolwire.client import (
    Client,
    DeadlineExceeded,
    Interrupted,
    JobFailed,
    NotAccepted,
    ToolwireError,
    UsageError,
)
from toolwire.services import JobContext, Service
from toolwire.testing import Faults, MemoryBroker, in_memory
from toolwire.testing.faults import Fate

SERVER = "library"
PATIENCE_S = 10.0


class Shelf:
    """A service, and how often each of its tools has run for what."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.service = service = Service(SERVER)

        @service.tool()
        async def lend(book: str) -> str:
            self.runs[book] += 1
            return book

        @service.tool()
        def lend_in_a_thread(book: str) -> str:
            self.runs[book] += 1
            return book

        @service.tool(idempotent=True)
        async def renew(book: str) -> str:
            self.runs[book] += 1
            return book

        @service.tool(read_only=True)
        async def find(book: str) -> str:
            self.runs[book] += 1
            return book

        @service.job()
        async def bind(ctx: JobContext[None], book: str) -> str:
            self.runs[book] += 1
            await ctx.progress(0.5, "half bound")
            return book

        @service.job(max_attempts=2)
        async def rebind(ctx: JobContext[None], book: str) -> int:
            self.runs[book] += 1
            await ctx.progress(0.5, "half bound")
            return ctx.attempt

        @service.job(max_attempts=2)
        async def wait_once(ctx: JobContext[None], book: str) -> int:
            self.runs[book] += 1
            if ctx.attempt == 1:
                await asyncio.Event().wait()
            return ctx.attempt


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def outcomes(client: Client, tool: str, count: int) -> list[object]:
    """What became of so many calls, each with its own book."""
    calls = (client.call(tool, {"book": f"book-{number}"}) for number in range(count))
    return list(await asyncio.gather(*calls, return_exceptions=True))


# --- messages that are lost, doubled and out of order ---


@pytest.mark.promise("P7")
async def test_a_lost_request_ends_with_the_deadline(shelf: Shelf) -> None:
    faults = Faults(drop=1.0, kinds={"request"})
    async with in_memory(shelf.service, faults=faults, timeout=0.3) as client:
        with pytest.raises(DeadlineExceeded):
            await client.call("lend", {"book": "Emma"})
        with pytest.raises(NotAccepted):
            await client.submit("bind", {"book": "Emma"})
    assert faults.injected == {"drop request": 2}
    assert not shelf.runs


@pytest.mark.promise("P4", "P7")
async def test_a_lost_answer_ends_with_the_deadline_and_is_there_for_who_asks_again(shelf: Shelf) -> None:
    faults = Faults(drop=1.0, kinds={"response"})
    async with in_memory(shelf.service, faults=faults, timeout=0.3) as client:
        again = client.options(request_id="loan-1")
        for _ in range(2):
            with pytest.raises(DeadlineExceeded):
                await again.call("lend", {"book": "Emma"})
    assert shelf.runs == {"Emma": 1}


@pytest.mark.promise("P4", "P7")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("tool", ["lend", "lend_in_a_thread", "renew", "find", "bind"])
async def test_whatever_is_lost_every_call_ends_and_runs_at_most_once(
    shelf: Shelf, tool: str, seed: int
) -> None:
    faults = Faults(drop=0.3, duplicate=0.3, reorder=0.3, delay=0.02, seed=seed)
    async with in_memory(shelf.service, faults=faults, timeout=0.6) as client:
        ended = await outcomes(client, tool, 20)
    assert all(isinstance(each, ToolwireError | str) for each in ended), ended
    assert {f"book-{number}" for number, each in enumerate(ended) if isinstance(each, str)} <= set(shelf.runs)
    assert set(shelf.runs.values()) <= {1}
    assert faults.injected.keys() >= {"drop request", "duplicate request"}


@pytest.mark.promise("P4")
async def test_without_losses_doubling_and_disorder_change_nothing(shelf: Shelf) -> None:
    faults = Faults(duplicate=1.0, reorder=0.5, delay=0.05)
    async with in_memory(shelf.service, faults=faults) as client:
        assert await outcomes(client, "lend", 20) == [f"book-{number}" for number in range(20)]
        job = await client.submit("bind", {"book": "Emma"})
        numbers = [event.snapshot.seq async for event in job.events()]
    assert numbers == sorted(numbers)
    assert set(shelf.runs.values()) == {1}
    assert faults.injected["reorder request"]


@pytest.mark.promise("P7")
async def test_the_result_of_a_job_comes_without_any_event(shelf: Shelf) -> None:
    """By the poll, which comes after five seconds without news."""
    faults = Faults(drop=1.0, kinds={"event", "hint", "control"})
    async with in_memory(shelf.service, faults=faults) as client:
        job = await client.submit("bind", {"book": "Emma"})
        assert await job.result(timeout=PATIENCE_S) == "Emma"
    assert faults.injected["drop event"]


async def test_the_same_seed_gives_the_same_faults() -> None:
    def fates(seed: int, noise: int) -> list[Fate]:
        faults = Faults(drop=0.3, duplicate=0.3, reorder=0.3, delay=1.0, seed=seed)
        for _ in range(noise):
            faults.fate("event", "sent")
        return [faults.fate("request", "sent") for _ in range(50)]

    assert fates(7, noise=0) == fates(7, noise=3)
    assert fates(7, noise=0) != fates(8, noise=0)
    assert 5 < sum(fate.dropped for fate in fates(7, noise=0)) < 25


async def test_one_object_gives_the_same_faults_in_every_test(shelf: Shelf) -> None:
    """A marker gives one to all the tests of a module."""
    faults = Faults(drop=0.5, kinds={"event"}, crash_after=1, seed=3)
    rounds: list[tuple[Counter[str], list[Fate]]] = []
    for _ in range(2):
        async with in_memory(shelf.service, faults=faults, lease_s=0.5) as client:
            fates = [faults.fate("event", "sent") for _ in range(20)]
            assert await client.call("find", {"book": "Emma"}) == "Emma"
        rounds.append((faults.injected, fates))
    assert rounds[0] == rounds[1]
    assert rounds[0][0] == {"crash": 1}


async def test_what_is_overtaken_is_not_lost_where_nothing_follows() -> None:
    memory, came = MemoryBroker(), list[Delivery]()
    faulty = Faults(reorder=1.0).around(memory)
    subscription = Subscription(lambda: call_queue(SERVER), 10, came.append)
    async with (
        faulty.publisher(name="writer") as sender,
        faulty.consumer(name="reader", subscriptions=[subscription]) as reader,
    ):
        await reader.wait_ready(PATIENCE_S)
        for body in (b"1", b"2", b"3"):
            message = Outgoing(request_route(SERVER, "add"), body, "request", body.decode())
            await sender.publish(message, timeout=PATIENCE_S)
        await wait_until(lambda: len(came) == 3, PATIENCE_S, "all three")
    assert [delivery.body for delivery in came] == [b"2", b"1", b"3"]


async def test_what_is_late_does_not_arrive_after_the_end() -> None:
    memory, came = MemoryBroker(), list[Delivery]()
    faulty = Faults(delay=0.01).around(memory)
    subscription = Subscription(lambda: call_queue(SERVER), 10, came.append)
    async with faulty.publisher(name="writer", declare=[call_queue(SERVER)]) as sender:
        async with faulty.consumer(name="reader", subscriptions=[subscription]) as reader:
            await reader.wait_ready(PATIENCE_S)
            message = Outgoing(request_route(SERVER, "add"), b"1", "request", "1")
            await sender.publish(message, timeout=PATIENCE_S)
        assert memory.waiting(call_queue(SERVER).name) == [message]
        async with memory.consumer(name="another", subscriptions=[subscription]):
            await wait_until(lambda: came, PATIENCE_S, "the late one")
    assert [delivery.redelivered for delivery in came] == [True]


# --- replicas that die ---


@pytest.mark.promise("P4")
@pytest.mark.parametrize("tool", ["lend", "lend_in_a_thread"])
async def test_a_call_that_may_not_run_twice_ends_as_interrupted(shelf: Shelf, tool: str) -> None:
    faults = Faults(crash_after=1)
    async with in_memory(shelf.service, faults=faults, lease_s=0.5) as client:
        with pytest.raises(Interrupted):
            await client.call(tool, {"book": "Emma"})
        assert await client.call(tool, {"book": "Persuasion"}) == "Persuasion"
    assert shelf.runs == {"Emma": 1, "Persuasion": 1}
    assert faults.injected == {"crash": 1}


@pytest.mark.parametrize("tool", ["renew", "find"])
async def test_a_call_that_may_run_twice_is_run_again(shelf: Shelf, tool: str) -> None:
    async with in_memory(shelf.service, faults=Faults(crash_after=1), lease_s=0.5) as client:
        assert await client.call(tool, {"book": "Emma"}) == "Emma"
    assert shelf.runs == {"Emma": 2}


@pytest.mark.promise("P8")
async def test_a_job_runs_again_after_its_lease(shelf: Shelf) -> None:
    async with in_memory(shelf.service, faults=Faults(crash_after=1), lease_s=0.5) as client:
        job = await client.submit("rebind", {"book": "Emma"})
        assert await job.result(timeout=PATIENCE_S) == 2
        once = await client.submit("bind", {"book": "Persuasion"})
        assert await once.result(timeout=PATIENCE_S) == "Persuasion"
    assert shelf.runs == {"Emma": 2, "Persuasion": 1}


async def test_a_job_that_may_not_run_twice_fails_as_interrupted(shelf: Shelf) -> None:
    async with in_memory(shelf.service, faults=Faults(crash_after=1), lease_s=0.5) as client:
        job = await client.submit("bind", {"book": "Emma"})
        with pytest.raises(JobFailed) as failed:
            await job.result(timeout=PATIENCE_S)
    assert failed.value.error.code == "interrupted"
    assert shelf.runs == {"Emma": 1}


async def test_a_replica_dies_when_a_test_wants_it(shelf: Shelf) -> None:
    """In the middle of a job, of which nothing more is recorded."""
    faults = Faults()
    async with in_memory(shelf.service, faults=faults, lease_s=0.5) as client:
        job = await client.submit("wait_once", {"book": "Emma"})
        await wait_until(lambda: shelf.runs["Emma"] == 1, PATIENCE_S, "the job runs")
        await faults.crash()
        assert await job.result(timeout=PATIENCE_S) == 2
        await faults.crash()
        assert await client.call("find", {"book": "Persuasion"}) == "Persuasion"
    assert faults.injected == {"crash": 2}


@pytest.mark.promise("P4", "P7", "P8")
async def test_calls_around_a_crash_all_end(shelf: Shelf) -> None:
    faults = Faults(duplicate=0.3, delay=0.02, crash_after=5)
    async with in_memory(shelf.service, faults=faults, lease_s=0.5) as client:
        ended = await outcomes(client, "lend", 20)
    assert all(isinstance(each, str | Interrupted) for each in ended), ended
    assert any(isinstance(each, Interrupted) for each in ended)
    assert shelf.runs == {f"book-{number}": 1 for number in range(20)}


async def test_a_replica_that_cannot_start_again_is_told() -> None:
    @asynccontextmanager
    async def once() -> AsyncGenerator[None]:
        if opened:
            raise OSError("the second opening fails")
        opened.append(True)
        yield

    async def crash() -> None:
        async with in_memory(Service(SERVER, lifespan=once), faults=faults):
            for _ in range(2):
                with pytest.raises(OSError, match="the second opening fails"):
                    await faults.crash()

    opened: list[bool] = []
    faults = Faults()
    with pytest.raises(OSError, match="the second opening fails"):
        await crash()


async def test_a_crash_needs_a_replica_to_die(shelf: Shelf) -> None:
    faults = Faults()
    with pytest.raises(UsageError, match="no replica"):
        await faults.crash()
    async with in_memory(shelf.service, faults=faults):
        pass
    with pytest.raises(UsageError, match="no replica"):
        await faults.crash()


# --- faults that cannot be ---


WRONG: list[tuple[Callable[[], Faults], str]] = [
    (lambda: Faults(drop=1.5), "drop is a share"),
    (lambda: Faults(duplicate=-0.1), "duplicate is a share"),
    (lambda: Faults(delay=-1), "delay cannot be negative"),
    (lambda: Faults(crash_after=0), "crash_after counts from 1"),
    (lambda: Faults(kinds={"letter"}), "no kind of message 'letter'"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] # that is it
]


@pytest.mark.parametrize(("make", "complaint"), WRONG)
def test_a_fault_that_cannot_be_is_told(make: Callable[[], Faults], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        make()
