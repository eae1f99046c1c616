"""Many submissions without an event loop: what gives the items runs in the thread of the caller."""

import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager

import pytest

from toolwire.client import Client, Submission, SyncJob, submission
from toolwire.client.sync_calls import SyncCalls
from toolwire.client.sync_loop import LoopThread
from toolwire.services import JobContext, Service
from toolwire.testing import in_memory

service = Service("library")


@service.tool(read_only=True)
async def books_on(shelf: int) -> int:
    return 10 * shelf


@service.job()
async def count(ctx: JobContext[None], books: int) -> int:
    return books


@pytest.fixture
def client() -> Generator[SyncCalls]:
    opened: list[Client] = []

    @asynccontextmanager
    async def kept() -> AsyncGenerator[None]:
        async with in_memory(service) as client:
            opened.append(client)
            yield

    thread = LoopThread(kept())
    thread.open()
    yield SyncCalls(thread, opened[0])
    thread.close()


def test_items_may_come_from_a_generator_that_asks_the_same_client(client: SyncCalls) -> None:
    threads: set[threading.Thread] = set()

    def items() -> Iterator[Submission[int]]:
        for shelf in range(1, 4):
            threads.add(threading.current_thread())
            yield submission(count, books=client.call(books_on, shelf=shelf))

    outcomes = client.submit_many(items(), in_flight=2)
    jobs = [outcome for outcome in outcomes if isinstance(outcome, SyncJob)]
    assert [job.result(timeout=10) for job in jobs] == [10, 20, 30]
    assert threads == {threading.current_thread()}


def test_where_the_items_break_off_nothing_is_submitted(client: SyncCalls) -> None:
    def items() -> Iterator[Submission[int]]:
        yield submission(count, books=1)
        raise KeyError("shelf")

    with pytest.raises(KeyError, match="shelf"):
        client.submit_many(items())
    assert client.list_jobs().jobs == ()
