"""Messages of several lines in one replica: what it publishes again, what it runs, and when it acks."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from secrets import token_urlsafe
from typing import Any, Self

import pytest
import pytest_asyncio

from tests.unit.services.given import CLIENT, CLIENTS_KEY, HOLDER, KEYS, LEASE_MS, SERVER, client, request
from tests.waiting import wait_until
from toolwire.broker.consume import Delivery
from toolwire.broker.errors import AccessDenied
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import JUNK, PASSES, REPLIES, REQUESTS, SUSPECT, request_key
from toolwire.contracts.lines import CONTENT_TYPE
from toolwire.contracts.sealing import seal
from toolwire.services import Service
from toolwire.services.requests import asked as asked_module
from toolwire.services.requests import calls as calls_module
from toolwire.services.requests import passing_on as passing_on_module
from toolwire.services.requests import releasing as releasing_module
from toolwire.services.requests import suspects as suspects_module
from toolwire.services.requests.answers import Answers
from toolwire.services.requests.calls import Calls
from toolwire.services.requests.decide import Policy
from toolwire.services.requests.intake import Intake
from toolwire.services.requests.received import MOST_PASSES
from toolwire.services.requests.seals import Seals
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.leases import Leases
from toolwire.services.running.runner import Runner
from toolwire.services.running.tasks import Tasks
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Store
from toolwire.services.telemetry.tally import Tally
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post

SOON = 10.0
PLACES = 2


class Sent:
    """A sender that confirms at once, and may be refused to publish requests."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.may_ask = True
        self.connected = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def wait_connected(self, timeout: float) -> None: ...

    async def consumers(self, queue_name: str) -> int | None: ...

    async def publish(self, message: Outgoing, *, timeout: float) -> None:
        await asyncio.sleep(0)
        if message.route.exchange == REQUESTS and not self.may_ask:
            raise AccessDenied("no")
        self.messages.append(message)

    def to(self, exchange: str) -> list[Outgoing]:
        return [message for message in self.messages if message.route.exchange == exchange]


class Receipt:
    """What became of a delivery."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def ack(self) -> bool:
        self.said.append("ack")
        return True

    async def reject(self, *, requeue: bool) -> bool:
        self.said.append("requeue" if requeue else "reject")
        return True


class Replica:
    """An intake over a store, with tools that wait at a gate."""

    def __init__(self, store: Store, seals: Seals, threads: ToolThreads) -> None:
        self.store = store
        self.sent = Sent()
        self.gate = asyncio.Event()
        self.started: list[int] = []
        self.tasks = Tasks()
        service = Service(SERVER)

        @service.tool(read_only=True)
        async def look(amount: int) -> int:
            self.started.append(amount)
            if amount:
                await self.gate.wait()
            return amount

        @service.tool()
        async def charge(amount: int) -> int:
            self.started.append(amount)
            return amount

        tally = Tally()
        self.counts = tally.counts
        post = Post(self.sent, SERVER, tally)
        outbox = Outbox(store, post, seals)
        attempts = Attempts(store, outbox, Leases(store, LEASE_MS), threads, None, HOLDER, SERVER, tally)
        self.calls = Calls(
            policy=Policy(SERVER, {CLIENT: client()}, service.tools),
            attempts=attempts,
            runner=Runner(attempts, service.tools, self.tasks, post, 1),
            answers=Answers(seals, post),
            places=PLACES,
            on_store_away=lambda: None,
        )
        self.intake = Intake(KEYS, self.calls, self.calls.answers, post, self.tasks, tally)

    def get(self, lines: Sequence[bytes], *, tool: str = "look", **more: Any) -> list[str]:
        """Deliver lines in one message. What becomes of that is written into the list."""
        receipt = Receipt()
        known: dict[str, Any] = {"redelivered": False, "headers": {}}
        delivery = Delivery(
            body=b"\n".join(lines),
            type="request",
            exchange=REQUESTS,
            routing_key=request_key(SERVER, tool),
            content_type=CONTENT_TYPE,
            receipt=receipt,
            **known | more,
        )
        self.intake.handle(delivery)
        return receipt.said

    def again(self) -> list[bytes]:
        """The lines that were published again as requests, each alone."""
        return [message.body for message in self.sent.to(REQUESTS)]


@pytest_asyncio.fixture
async def replica(store: Store, seals: Seals, threads: ToolThreads) -> AsyncIterator[Replica]:
    replica = Replica(store, seals, threads)
    releasing = asyncio.create_task(replica.intake.releasing.work())
    yield replica
    releasing.cancel()
    await replica.tasks.cancel()
    await asyncio.gather(releasing, return_exceptions=True)


def lines(*amounts: int, tool: str = "look") -> list[bytes]:
    now_ms = round(time.time() * 1000)
    fresh: dict[str, Any] = {"tool": tool, "ts_ms": now_ms, "deadline_ms": now_ms + 20_000}
    return [
        seal(request(args={"amount": amount}, nonce=token_urlsafe(16), **fresh), CLIENTS_KEY)
        for amount in amounts
    ]


async def is_settled(said: list[str], how: str) -> None:
    await wait_until(lambda: said, SOON, f"the message is settled: {how}")
    assert said == [how]


# --- what may be what a replica died of ---


@pytest.mark.promise("P9")
async def test_lines_that_come_again_in_company_are_published_again_alone(replica: Replica) -> None:
    sent = lines(0, 0, 0)
    await is_settled(replica.get(sent, redelivered=True), "ack")
    assert sorted(replica.again()) == sorted(sent)
    assert {message.headers[SUSPECT] for message in replica.sent.to(REQUESTS)} == {"1"}
    assert replica.started == []


@pytest.mark.promise("P2", "P9")
async def test_only_what_a_client_signed_is_published_again(replica: Replica) -> None:
    [good] = lines(0)
    await is_settled(replica.get([b'{"junk":1}', good, b'{"junk":2}'], redelivered=True), "ack")
    assert replica.again() == [good]
    assert {message.body for message in replica.sent.to(JUNK)} == {b'{"junk":1}', b'{"junk":2}'}


@pytest.mark.parametrize("sign", [{"redelivered": True}, {"headers": {SUSPECT: "1"}}], ids=str)
async def test_a_suspect_that_is_alone_runs(replica: Replica, sign: dict[str, Any]) -> None:
    await is_settled(replica.get(lines(0), **sign), "ack")
    assert (replica.started, replica.again()) == ([0], [])


async def test_where_nothing_can_be_published_again_all_run_here(replica: Replica) -> None:
    replica.sent.may_ask = False
    await is_settled(replica.get(lines(0, 0, 0), redelivered=True), "ack")
    assert replica.started == [0, 0, 0]


async def test_a_suspect_by_its_header_that_was_here_before_is_left(replica: Replica) -> None:
    """The connection was lost, the replica not: the line still runs here, and is answered from here."""
    [line] = lines(1)
    replica.get([line])
    await wait_until(lambda: replica.started, SOON, "it runs")
    await is_settled(replica.get([line], headers={SUSPECT: "1"}), "ack")
    assert (replica.started, replica.counts["repeated"]) == ([1], 1)


# --- places ---


async def test_what_finds_no_place_goes_on_alone_and_is_as_new_when_it_returns(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "MOVABLE_PATIENCE_S", 0.01)
    sent = lines(1, 2, 3)
    replica.get(sent)
    await wait_until(replica.again, SOON, "one is published again")
    assert replica.again() == [sent[2]]
    assert dict(replica.sent.to(REQUESTS)[0].headers) == {PASSES: "1"}
    replica.gate.set()
    await is_settled(replica.get([sent[2]], headers={PASSES: "1"}), "ack")
    assert replica.started == [1, 2, 3]


@pytest.mark.parametrize("passes", [None, str(MOST_PASSES), "-1", "x", 12], ids=str)
async def test_what_came_alone_or_has_gone_on_often_waits_here(
    replica: Replica, passes: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "MOVABLE_PATIENCE_S", 0.0)
    monkeypatch.setattr(calls_module, "PLACE_PATIENCE_S", 0.01)
    for amount in (1, 2):
        replica.get(lines(amount))
    await wait_until(lambda: len(replica.started) == PLACES, SOON, "the places are taken")
    await is_settled(replica.get(lines(3), headers={} if passes is None else {PASSES: passes}), "ack")
    assert (replica.again(), replica.counts["refused.overloaded"]) == ([], 1)


async def test_where_nothing_goes_on_it_waits_here_as_if_it_had_come_alone(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "MOVABLE_PATIENCE_S", 0.01)
    replica.sent.may_ask = False
    said = replica.get(lines(1, 2, 3))
    asyncio.get_running_loop().call_later(0.1, replica.gate.set)
    await is_settled(said, "ack")
    assert replica.started == [1, 2, 3]


# --- how long a message is held ---


def release_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releasing_module, "RELEASE_S", 0.0)
    monkeypatch.setattr(releasing_module, "LOOK_S", 0.01)


def hang_claims(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Have the store say nothing to claims from now on; set when it was asked."""
    asked = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(replica.store, "claim", never)
    return asked


async def test_a_message_is_acked_although_one_of_its_lines_is_slow(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_at_once(monkeypatch)
    await is_settled(replica.get(lines(0, 1, 0)), "ack")
    assert len(replica.sent.to(REPLIES)) == 2
    replica.gate.set()
    await wait_until(lambda: len(replica.sent.to(REPLIES)) == 3, SOON, "the slow one is answered")


@pytest.mark.promise("P8")
async def test_what_nothing_covers_is_published_again_before_its_message_is_acked(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store does not say whether the claim is there."""
    release_at_once(monkeypatch)
    asked = hang_claims(replica, monkeypatch)
    sent = lines(1, 2, tool="charge")
    said = replica.get(sent, tool="charge")
    await asked.wait()
    await is_settled(said, "ack")
    assert sorted(replica.again()) == sorted(sent)


async def test_a_caller_that_was_told_to_come_again_keeps_no_delivery_here(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the store hangs: the broker would take the delivery back."""
    release_at_once(monkeypatch)
    monkeypatch.setattr(asked_module, "STORE_PATIENCE_S", 0.05)
    hang_claims(replica, monkeypatch)
    await is_settled(replica.get(lines(1, tool="charge"), tool="charge"), "ack")
    assert replica.counts["refused.unavailable"] == 1


@pytest.mark.promise("P8")
async def test_what_is_to_come_again_is_not_acked_because_its_neighbour_is_slow(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopping replica may not publish requests: what it did not begin has to come back."""
    release_at_once(monkeypatch)
    replica.sent.may_ask = False
    said = replica.get(lines(1, 2, 3))
    await wait_until(lambda: len(replica.started) == PLACES, SOON, "the places are taken")
    replica.intake.stop()
    await is_settled(said, "requeue")
    assert not replica.gate.is_set()


@pytest.mark.promise("P8")
async def test_what_was_broken_off_is_not_acked_later(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_at_once(monkeypatch)
    asked = hang_claims(replica, monkeypatch)
    said = replica.get(lines(1, tool="charge"), tool="charge")
    await asked.wait()
    await replica.tasks.cancel()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(replica.intake.releasing.work(), 0.1)  # several looks
    assert said == []


async def test_a_suspect_that_waits_for_long_stays_one(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker had not taken its lines when they came, and does so later."""
    monkeypatch.setattr(suspects_module, "GATHER_S", 600.0)
    release_at_once(monkeypatch)
    monkeypatch.setattr(passing_on_module, "DENIED_S", 0.05)
    replica.sent.may_ask = False
    said = replica.get(lines(1, 2), redelivered=True)
    asyncio.get_running_loop().call_later(0.1, setattr, replica.sent, "may_ask", True)
    await is_settled(said, "ack")
    assert {message.headers.get(SUSPECT) for message in replica.sent.to(REQUESTS)} == {"1"}


# --- stopping ---


@pytest.mark.promise("P8")
@pytest.mark.parametrize(("may_ask", "how"), [(True, "ack"), (False, "requeue")])
async def test_a_stopping_replica_gives_away_what_it_has_not_begun(
    replica: Replica, may_ask: bool, how: str
) -> None:
    replica.sent.may_ask = may_ask
    said = replica.get(sent := lines(1, 2, 3))
    await wait_until(lambda: len(replica.started) == PLACES, SOON, "the places are taken")
    replica.intake.stop()
    replica.gate.set()
    await is_settled(said, how)
    assert replica.again() == ([sent[2]] if may_ask else [])
    assert replica.started == [1, 2]


@pytest.mark.promise("P8")
async def test_what_was_never_opened_is_given_back(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolwire.services.requests.admission.MOST_LINES", 2)
    replica.get(lines(1, 2, 1, 2))
    waiting = replica.get(lines(3))
    replica.intake.stop()
    await is_settled(waiting, "requeue")
    assert 3 not in replica.started
