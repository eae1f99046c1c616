"""The wire to the broker is cut or goes silent, and the broker dies, while calls and jobs are under way."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.adversity.tcp_proxy import TcpProxy
from tests.adversity.young_queues import is_written_down
from tests.handmade import Handmade
from tests.served import SERVER, Made, Total, add, bake, book, brew, count_up, ship
from tests.stage import Stage, more_of, new_stage, quick
from tests.waiting import wait_until
from toolwire.broker.node import PrivateNode
from toolwire.broker.topology import call_queue
from toolwire.client import (
    DeadlineExceeded,
    Done,
    Job,
    JobEvent,
    NoReplica,
    Undelivered,
)
from toolwire.contracts.jobs import EventName
from toolwire.services.telling.snapshots import POLL_AFTER_MS

LOADERS = 6


# --- between client and broker ---


@pytest.mark.promise("P4", "P7")
@pytest.mark.parametrize("name", ["peek", "ship"])
async def test_a_call_survives_a_cut_of_the_clients_wire(stage: Stage, name: str) -> None:
    """The client asks again under the same request id, so that what is recorded does not run again."""
    async with TcpProxy(stage.url) as proxy, stage.replica(), stage.client(broker=proxy.url) as client:
        calling = asyncio.create_task(client.call(name, {"gate": "gate"}))
        await stage.noted(f"{name} gate")
        before = proxy.accepted
        proxy.cut()
        await wait_until(lambda: proxy.accepted >= before + 2, 15, "both connections are back")
        stage.diary.open("gate")
        assert await calling == "gate"
    assert stage.diary.lines().count("ship gate") <= 1


@pytest.mark.promise("P7")
async def test_a_call_survives_silence_on_the_clients_wire(stage: Stage) -> None:
    async with TcpProxy(stage.url) as proxy, stage.replica(), stage.client(broker=quick(proxy.url)) as client:
        calling = asyncio.create_task(client.call(ship, "gate"))
        await stage.noted("ship gate")
        proxy.stall()
        stage.diary.open("gate")
        assert await calling == "gate"
    assert stage.diary.lines() == ["ship gate"]


@pytest.mark.promise("P7")
async def test_the_answer_waits_for_an_instance_that_has_a_name(stage: Stage) -> None:
    """Its queue stays while the connection is gone: nothing has to be asked again."""
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(),
        stage.client(broker=proxy.url, instance="desk") as client,
    ):
        calling = asyncio.create_task(client.call(ship, "gate"))
        await stage.noted("ship gate")
        proxy.refuse()
        stage.diary.open("gate")
        proxy.accept()
        assert await calling == "gate"
    assert stage.diary.lines() == ["ship gate"]


@pytest.mark.promise("P7")
@pytest.mark.parametrize("instance", ["desk", None], ids=["named", "unnamed"])
async def test_a_job_is_followed_over_a_cut_of_the_clients_wire(stage: Stage, instance: str | None) -> None:
    """It ends while the client is away. Events that were lost with the connection are healed by a poll."""
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(),
        stage.client(broker=proxy.url, instance=instance) as client,
        stage.client() as onlooker,
    ):
        job = await client.submit(bake, "gate")
        following = asyncio.create_task(_events(job))
        await stage.noted("bake gate 1")
        proxy.refuse()
        stage.diary.open("gate")
        await onlooker.job(job.id).result(timeout=15)
        over = await onlooker.job(job.id).poll()
        proxy.accept()
        events = await asyncio.wait_for(following, 15)
        assert isinstance(events[-1], Done)
        assert events[-1].snapshot == over


@pytest.mark.promise("P7")
async def test_who_asks_for_the_result_after_a_cut_is_told_at_once(stage: Stage) -> None:
    """Nobody listened while its end was lost: the first to ask looks, and does not wait for an event."""
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(),
        stage.client(broker=proxy.url) as client,
        stage.client() as onlooker,
    ):
        job = await client.submit(bake, "gate")
        await stage.noted("bake gate 1")
        proxy.refuse()
        stage.diary.open("gate")
        await onlooker.job(job.id).result(timeout=15)
        proxy.accept()
        assert await client.call(add, [1]) == Total(count=1, total=1)
        async with asyncio.timeout(POLL_AFTER_MS / 2000):
            assert (await job.result()).attempt == 1


async def _events(job: Job[Made]) -> list[JobEvent]:
    return [event async for event in job.events()]


# --- between replica and broker ---


@pytest.mark.promise("P4", "P7")
@pytest.mark.parametrize("name", ["peek", "ship"])
async def test_a_call_survives_a_cut_of_the_replicas_wire(stage: Stage, name: str) -> None:
    """The message comes again, to the replica that runs it already: it is answered once, by the one run."""
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(broker_url=proxy.url) as replica,
        Handmade(stage.url, stage.home) as hand,
    ):
        asked = await hand.send(hand.request(name, {"gate": "gate"}))
        await stage.noted(f"{name} gate")
        proxy.cut()
        await wait_until(lambda: not replica.ready, 15, "the loss is noticed")
        await wait_until(lambda: replica.ready, 15, "the replica is back")
        stage.diary.open("gate")
        assert (await hand.answer(asked)).result == "gate"
    assert stage.diary.lines().count("ship gate") <= 1


@pytest.mark.promise("P4", "P7")
async def test_a_call_survives_silence_on_the_replicas_wire(stage: Stage) -> None:
    """Another replica gets the message and leaves it to the one that runs it, which the store knows."""
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(broker_url=quick(proxy.url)) as silent,
        stage.client() as client,
    ):
        calling = asyncio.create_task(client.call(ship, "gate"))
        await stage.noted("ship gate")
        async with stage.replica():
            proxy.stall()
            await wait_until(lambda: not silent.ready, 15, "the silence is noticed")
            stage.diary.open("gate")
            assert await calling == "gate"
    assert stage.diary.lines() == ["ship gate"]


@pytest.mark.promise("P8")
async def test_a_job_goes_on_while_the_replicas_wire_is_down(stage: Stage) -> None:
    """It ends without the broker. Its events wait in the outbox and are told when the broker is back."""
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(broker_url=proxy.url) as replica,
        Handmade(stage.url, stage.home) as hand,
    ):
        await hand.send(hand.request("bake", {"gate": "gate"}))
        await hand.heard(EventName.PROGRESS)
        proxy.refuse()
        await wait_until(lambda: not replica.ready, 15, "the loss is noticed")
        stage.diary.open("gate")
        await stage.noted("bake gate 1 is over")
        proxy.accept()
        done = await hand.heard(EventName.DONE)
        assert done.data.attempt == 1
    assert {event.data.seq for event in hand.events} == {1, 2, 3, 4}


@pytest.mark.promise("P7")
async def test_a_call_to_a_server_that_is_cut_off_ends_by_its_deadline(stage: Stage) -> None:
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(broker_url=proxy.url) as replica,
        stage.client(timeout=4) as client,
    ):
        await client.call(add, [1])
        proxy.refuse()
        await wait_until(lambda: not replica.ready, 15, "the loss is noticed")
        with pytest.raises((NoReplica, DeadlineExceeded)):
            await client.call(add, [1])
        proxy.accept()
        await wait_until(lambda: replica.ready, 15, "the replica is back")
        assert (await client.call(add, [1])).count == 1


# --- everything at once ---


@pytest.mark.promise("P4", "P7", "P8")
async def test_nothing_is_lost_or_doubled_while_all_wires_are_cut_again_and_again(stage: Stage) -> None:
    booked: list[str] = []
    over = asyncio.Event()

    async def load(loader: int) -> None:
        turn = 0
        while not over.is_set():
            item = f"{loader}-{turn}"
            await client.call(book, item)
            booked.append(f"book {item}")
            assert await (await client.submit(count_up, 1)).result(timeout=15) == 1
            turn += 1

    async with (
        TcpProxy(stage.url) as near,
        TcpProxy(stage.url) as far,
        stage.replica(broker_url=far.url),
        stage.replica(),
        stage.client(broker=near.url) as client,
    ):
        loading = asyncio.gather(*(load(number) for number in range(LOADERS)))
        for wire in (near, far, near, far):
            await more_of(booked, LOADERS, loading)
            wire.cut()
        over.set()
        await loading
    assert sorted(booked) == sorted(stage.diary.lines())


# --- the broker itself ---


@pytest.fixture
def node() -> Iterator[PrivateNode]:
    """A broker of this test's own, which may be killed."""
    if PrivateNode.installed() is None:
        pytest.skip("kills a broker, and no rabbitmq-server is installed for a private one")
    with PrivateNode() as node:
        yield node


@pytest.mark.promise("P7", "P8")
@pytest.mark.timeout(120)
async def test_a_broker_that_is_killed_costs_no_more_than_the_time_that_it_is_away(node: PrivateNode) -> None:
    """Every call ends by its deadline, in one way; what it books is booked at most once; jobs complete."""
    stage = new_stage(node.url)
    answered: list[str] = []
    failed: list[str] = []
    over = asyncio.Event()

    async def load(loader: int) -> None:
        turn = 0
        while not over.is_set():
            item = f"{loader}-{turn}"
            turn += 1
            try:
                async with asyncio.timeout(13):
                    await client.options(timeout=3).call(book, item)
            except (Undelivered, DeadlineExceeded):
                failed.append(f"book {item}")
            else:
                answered.append(f"book {item}")

    async with stage.replica(), stage.replica(), stage.client() as client:
        jobs = [await client.submit(brew, "gate", number) for number in range(6)]
        await stage.noted("brew gate 1", times=6)
        loading = asyncio.gather(*(load(number) for number in range(LOADERS)))
        await more_of(answered, 4 * LOADERS, loading)
        calls = call_queue(SERVER).name
        await wait_until(lambda: is_written_down(node.folder, calls), 15, "the queue is registered")
        await asyncio.to_thread(node.kill)
        await more_of(failed, 1, loading)
        stage.diary.open("gate")
        await asyncio.to_thread(node.start)
        await more_of(answered, 4 * LOADERS, loading)
        over.set()
        await loading
        made = [await job.result(timeout=20) for job in jobs]
    assert [(each.payload, each.attempt) for each in made] == [(number, 1) for number in range(6)]
    booked = [line for line in stage.diary.lines() if line.startswith("book")]
    assert len(booked) == len(set(booked))
    assert set(answered) <= set(booked) <= set(answered) | set(failed)
