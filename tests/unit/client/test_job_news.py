"""A wait for a job looks for itself when no news come, and ends at its time."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import pytest

from tests.unit.contracts.samples import DONE, WIRE_ERROR, event, snapshot
from toolwire.client.clock import now_ms
from toolwire.client.following import Following
from toolwire.client.job_news import GRACE_S, JobNews
from toolwire.contracts.errors import (
    BrokerAway,
    ClientClosed,
    Code,
    JobNotOver,
    NoReplica,
    NoSuchServer,
    RemoteError,
    ToolwireError,
)
from toolwire.contracts.snapshots import JobSnapshot

SOON_MS = 5
RUNNING = snapshot(poll_after_ms=SOON_MS)


def refused(code: Code) -> RemoteError:
    return RemoteError.of(WIRE_ERROR.model_copy(update={"code": code, "retryable": code is Code.UNAVAILABLE}))


@pytest.fixture
def following() -> Following:
    return Following("server-1", "job-1", None)


@asynccontextmanager
async def watching(
    following: Following,
    looks: Iterable[JobSnapshot | ToolwireError] = (),
    timeout: float | None = 10,
    deadline_ms: int | None = None,
    look_every: float | None = None,
) -> AsyncGenerator[JobNews]:
    """A watch whose looks see what is next in `looks`, and nothing after that."""

    left = iter(looks)

    async def look() -> JobSnapshot:
        seen = next(left, None)
        if seen is None:
            await asyncio.Event().wait()
        if isinstance(seen, JobSnapshot):
            return seen
        raise seen or AssertionError

    watch = JobNews(
        following,
        look,
        request_id="request-1",
        deadline_ms=deadline_ms,
        timeout=timeout,
        look_every=look_every,
    )
    async with watch:
        yield watch


async def test_an_event_is_news_when_it_is_newer(following: Following) -> None:
    async with watching(following) as watch:
        following.tell(event(data=snapshot(seq=3)))
        following.tell(event(data=snapshot(seq=4)))
        assert await watch.newer_than(3) == event(data=snapshot(seq=4))


async def test_without_news_it_looks_for_itself_until_there_are_some(following: Following) -> None:
    following.learn(RUNNING)
    async with watching(following, [RUNNING, RUNNING, DONE.model_copy(update={"seq": 4})]) as watch:
        assert (await watch.newer_than(3)) == DONE.model_copy(update={"seq": 4})


async def test_who_is_told_nothing_may_look_more_often_than_the_server_advises(following: Following) -> None:
    following.learn(snapshot(poll_after_ms=3_600_000))
    async with watching(following, [DONE], look_every=SOON_MS / 1000) as watch:
        assert await watch.newer_than(-1) == DONE


async def test_it_looks_when_news_may_have_been_lost(following: Following) -> None:
    async with watching(following, [DONE]) as watch:
        following.look_again()
        assert await watch.newer_than(-1) == DONE


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    "passing", [BrokerAway("it is down"), NoReplica("server-1"), refused(Code.UNAVAILABLE)], ids=repr
)
async def test_a_look_that_fails_for_now_is_repeated(following: Following, passing: ToolwireError) -> None:
    following.learn(RUNNING)
    async with watching(following, [passing, passing, DONE.model_copy(update={"seq": 4})]) as watch:
        assert isinstance(await watch.newer_than(3), JobSnapshot)


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    "lasting", [NoSuchServer("server-1"), refused(Code.JOB_NOT_FOUND), ClientClosed()], ids=repr
)
async def test_a_look_that_fails_for_good_ends_the_wait(following: Following, lasting: ToolwireError) -> None:
    following.learn(RUNNING)
    async with watching(following, [lasting]) as watch:
        with pytest.raises(type(lasting)):
            await watch.newer_than(3)


@pytest.mark.promise("P7")
async def test_when_the_time_is_up_the_last_trouble_is_the_cause(following: Following) -> None:
    following.learn(RUNNING)
    async with watching(following, [NoReplica("server-1")], timeout=0.1) as watch:
        with pytest.raises(JobNotOver) as caught:
            await watch.newer_than(3)
    assert isinstance(caught.value.__cause__, NoReplica)


@pytest.mark.promise("P7")
@pytest.mark.parametrize("polled", [True, False])
async def test_without_a_timeout_the_deadline_ends_the_wait(following: Following, *, polled: bool) -> None:
    deadline_ms = now_ms() - int(GRACE_S * 1000) - 1
    if polled:
        following.learn(snapshot(deadline_ms=deadline_ms))
    submitted = None if polled else deadline_ms
    async with watching(following, timeout=None, deadline_ms=submitted) as watch:
        with pytest.raises(JobNotOver):
            await watch.newer_than(3)


@pytest.mark.promise("P7")
async def test_where_nothing_limits_the_wait_no_failure_is_waited_out(following: Following) -> None:
    """Of a job that was only named nothing is known, not even a deadline."""
    async with watching(following, [BrokerAway("it is down")], timeout=None) as watch:
        watch.look()
        with pytest.raises(BrokerAway):
            await watch.newer_than(-1)
