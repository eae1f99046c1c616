"""The client's connections are cut: what it waits for comes all the same, and nothing runs twice for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adversity.tcp_proxy import TcpProxy
from tests.broker.responder import CLIENT, SERVER, Asked, Responder, echo, job, new_home
from tests.waiting import wait_until
from toolwire.client import BrokerAway, Client, DeadlineExceeded
from toolwire.client.home import Home
from toolwire.contracts.jobs import Status


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path / "home")


@pytest.fixture
async def proxy(vhost_url: str) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(vhost_url) as proxy:
        yield proxy


@pytest.mark.promise("P7")
async def test_a_call_whose_answer_was_lost_is_asked_again_under_the_same_id(
    vhost_url: str, home: Home, proxy: TcpProxy
) -> None:
    async def lose_the_first(responder: Responder, asked: Asked) -> None:
        if len(responder.asked) == 1:
            proxy.cut()
        else:
            await responder.answer(asked)

    async with (
        Responder(vhost_url, home, lose_the_first) as responder,
        Client(CLIENT, server=SERVER, broker=proxy.url, home=home.path) as client,
    ):
        assert await client.call("total", {"total": 3}) == {"total": 3}
    requests = [asked.request for asked in responder.asked]
    assert len({request.request_id for request in requests}) == 1
    attempts = {asked.digest for asked in responder.asked}  # one whose confirm was lost, too, arrives twice
    assert len({request.nonce for request in requests}) == len(attempts) > 1


@pytest.mark.promise("P8")
async def test_an_answer_waits_for_a_named_instance_that_was_cut_off(
    vhost_url: str, home: Home, proxy: TcpProxy
) -> None:
    async def answer_while_it_is_away(responder: Responder, asked: Asked) -> None:
        proxy.refuse()
        await responder.answer(asked)
        proxy.accept()

    async with (
        Responder(vhost_url, home, answer_while_it_is_away) as responder,
        Client(CLIENT, server=SERVER, broker=proxy.url, home=home.path, instance="desk-1") as client,
    ):
        assert await client.call("total", {"total": 3}) == {"total": 3}
    assert len({asked.request.request_id for asked in responder.asked}) == 1


@pytest.mark.promise("P7")
async def test_a_job_whose_end_was_told_while_the_wire_was_cut_is_looked_for_on_return(
    vhost_url: str, home: Home, proxy: TcpProxy
) -> None:
    state = [job(1)]

    async def behave(responder: Responder, asked: Asked) -> None:
        if asked.request.tool == "poll_job":
            await responder.answer(asked, status=state[0].status, result=state[0].model_dump(mode="json"))
        else:
            await responder.answer(asked, status="accepted", result={"job_id": "job-1"})

    async with (
        Responder(vhost_url, home, behave),
        Client(CLIENT, server=SERVER, broker=proxy.url, home=home.path) as client,
    ):
        submitted = await client.submit("long")
        await submitted.poll()  # the next one would come in a minute
        waiting = asyncio.create_task(submitted.result(timeout=30))
        state[0] = job(2, Status.DONE, result=3)
        proxy.cut()
        assert await waiting == 3


@pytest.mark.promise("P7")
async def test_calls_work_again_when_the_broker_is_back(vhost_url: str, home: Home, proxy: TcpProxy) -> None:
    async with (
        Responder(vhost_url, home, echo),
        Client(CLIENT, server=SERVER, broker=proxy.url, home=home.path) as client,
    ):
        await client.call("total")
        proxy.refuse()
        # Which of the two depends on whether the request was on its way already when the wire was cut.
        with pytest.raises((BrokerAway, DeadlineExceeded)):
            await client.options(timeout=1).call("total")
        proxy.accept()
        links = proxy.accepted
        assert await client.call("total", {"total": 3}) == {"total": 3}
        await wait_until(lambda: proxy.accepted > links, 15, "it came back")
