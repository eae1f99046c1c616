"""`SyncClient` against a real service: what `Client` does, for callers without an event loop."""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.served import SERVER, Approval, Total, add, bake, burn, count_up, mirror, peek, recite, release
from tests.stage import CLIENTS, PATIENCE_S, Stage
from toolwire.client import ClientClosed, Current, Done, JobFailed, SyncClient, SyncJob
from toolwire.client.sync_loop import LoopThread


@pytest.fixture
def served(stage: Stage) -> Generator[Stage]:
    """A replica, in a thread of its own: here nobody has an event loop."""

    thread = LoopThread(stage.replica())
    thread.open()
    yield stage
    thread.close()


@pytest.fixture
def client(served: Stage) -> Generator[SyncClient]:
    with sync_client(served) as client:
        yield client


def sync_client(stage: Stage) -> SyncClient:
    return SyncClient(CLIENTS[0], server=SERVER, broker=stage.url, home=stage.home.path, timeout=PATIENCE_S)


def test_calls(client: SyncClient) -> None:
    assert client.call(add, [1, 2]) == Total(count=2, total=3)
    assert client.options(timeout=5).call("add", {"numbers": [1]}, returns=Total) == Total(count=1, total=1)
    assert client.begin("mirror", {"value": [1]}) == [1]
    assert client.server_identity().server_id == SERVER
    assert {tool.name for tool in client.list_tools().tools} >= {"add", "bake"}


def test_jobs(client: SyncClient) -> None:
    job = client.submit(count_up, steps=3)
    assert isinstance(job, SyncJob)
    events = list(job.events())
    assert isinstance(events[0], Current)
    assert isinstance(events[-1], Done)
    assert job.result(timeout=PATIENCE_S) == 3
    assert job.poll() == events[-1].snapshot
    assert job.history().entries
    assert [each.job_id for each in client.list_jobs().jobs] == [job.id]
    found = client.job(job.id, returns=int)
    assert (found.id, found.server_id, found.request_id) == (job.id, SERVER, None)
    assert found.result() == 3
    with pytest.raises(JobFailed, match="The bread is burnt"):
        client.submit(burn).result()
    started = client.begin("count_up", {"steps": 1})
    assert isinstance(started, SyncJob)
    assert started.result() == 1


def test_the_output_of_a_job(client: SyncClient) -> None:
    job = client.submit(recite, ["a line", None, "another"])
    for line in job.outputs():
        assert line == "a line"
        break
    assert list(job.outputs()) == ["a line", None, "another"]
    page = job.read_output()
    assert [line for event in page.pieces for line in event.output] == ["a line", None, "another"]
    assert job.read_output(after=page.seq).pieces == ()


def test_a_loop_over_events_may_be_left(client: SyncClient, served: Stage) -> None:
    job = client.submit(bake, "gate")
    for event in job.events():
        if event.snapshot.progress is not None:
            break
    served.diary.open("gate")
    assert job.result(timeout=PATIENCE_S).attempt == 1


def test_many_threads_share_one(client: SyncClient) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(client.call, mirror, number) for number in range(40)]
        assert [answer.result(PATIENCE_S) for answer in answers] == list(range(40))


def test_closing_ends_what_other_threads_wait_for(served: Stage) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(sync_client(served))
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(client.call, peek, "never")
            asyncio.run(served.noted("peek never"))
            stack.close()
            with pytest.raises(ClientClosed):
                waiting.result(PATIENCE_S)
    served.diary.open("never")


def test_watching(client: SyncClient) -> None:
    client.watch("desk", events=["done"]).subscribe()
    job = client.submit(count_up, steps=1)
    with client.watch("desk", events=["done"]) as events:
        seen = next(iter(events))
    assert (seen.job_id, seen.snapshot.result) == (job.id, 1)


def test_a_question_of_a_job(client: SyncClient) -> None:
    job = client.submit(release, "1.0")
    for event in job.events():
        if event.snapshot.question is not None:
            assert job.answer(Approval(approved=True)).question is None
    assert job.result() == Approval(approved=True)
