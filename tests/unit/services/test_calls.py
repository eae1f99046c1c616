"""Carrying out a plan without a broker: no answer gets out, and what was done shows in the store."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
import pytest_asyncio

from tests.unit.services.given import (
    CLIENT,
    HOLDER,
    LEASE_MS,
    OTHERS_KEY,
    SERVER,
    client,
    request,
    signed,
    until,
)
from tests.unit.services.lossy import Lossy
from tests.waiting import wait_until
from toolwire.contracts.jobs import Status
from toolwire.contracts.keys import Ed25519Signer
from toolwire.services import JobContext, Service
from toolwire.services.requests import calls as calls_module
from toolwire.services.requests.answers import Answers
from toolwire.services.requests.authenticate import Authentic
from toolwire.services.requests.calls import Calls
from toolwire.services.requests.decide import Policy
from toolwire.services.requests.hold import Hold
from toolwire.services.requests.seals import Seals
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.leases import Leases
from toolwire.services.running.runner import Runner
from toolwire.services.running.tasks import Tasks
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Changed, Record, RecordKey, Store
from toolwire.services.telemetry.tally import Tally
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post

SOON = 5.0


class Desk:
    """Calls over a store, with tools that wait at a gate."""

    def __init__(self, store: Store, post: Post, seals: Seals, threads: ToolThreads) -> None:
        self.store = store
        self.gate = asyncio.Event()
        self.started: list[int] = []
        self.tasks = Tasks()
        self.away: list[str] = []
        tally = Tally()
        self.counts = tally.counts
        service = Service(SERVER)

        @service.tool()
        async def charge(amount: int) -> int:
            self.started.append(amount)
            await self.gate.wait()
            return amount

        @service.tool(read_only=True)
        async def look(amount: int) -> int:
            self.started.append(amount)
            await self.gate.wait()
            return amount

        @service.tool(read_only=True)
        def compute(amount: int) -> int:
            self.started.append(amount)
            return amount

        @service.job()
        async def build(ctx: JobContext[None]) -> None: ...

        self.clients = {CLIENT: client(rate=100), "client-2": client(rate=100)}
        outbox = Outbox(store, post, seals)
        attempts = Attempts(store, outbox, Leases(store, LEASE_MS), threads, None, HOLDER, SERVER, tally)
        self.calls = Calls(
            policy=Policy(SERVER, self.clients, service.tools),
            attempts=attempts,
            runner=Runner(attempts, service.tools, self.tasks, post, 1),
            answers=Answers(seals, post),
            places=2,
            on_store_away=lambda: self.away.append("yes"),
        )

    def handle(self, authentic: Authentic, hold: Hold | None = None) -> asyncio.Task[None]:
        work = self.calls.handle(authentic, hold or Hold(), redelivered=False)
        return self.tasks.start(work, "request")

    async def record(self, authentic: Authentic) -> Record | None:
        return await self.store.find(RecordKey(authentic.key.owner, authentic.request.request_id))


@pytest_asyncio.fixture
async def desk(store: Store, post: Post, seals: Seals, threads: ToolThreads) -> AsyncIterator[Desk]:
    desk = Desk(store, post, seals, threads)
    yield desk
    await desk.tasks.cancel()


def asked(tool: str = "charge", **changes: Any) -> Authentic:
    now_ms = round(time.time() * 1000)
    args: dict[str, Any] = {} if tool == "build" else {"amount": 1}
    fresh = {"ts_ms": now_ms, "deadline_ms": now_ms + 20_000, "nonce": token_urlsafe(16)}
    return signed(request(**{"tool": tool, "args": args} | fresh | changes))


def same_but(authentic: Authentic, *, by: Ed25519Signer | None = None, **changes: Any) -> Authentic:
    """Another attempt at the same request."""
    later = {"nonce": token_urlsafe(16), "ts_ms": authentic.request.ts_ms + 1}
    again = authentic.request.model_copy(update=later | changes)
    return signed(again) if by is None else signed(again, by=by)


async def is_recorded(desk: Desk, authentic: Authentic) -> bool:
    return await desk.record(authentic) is not None


async def test_too_many_hanging_threads_stop_sync_tools_alone(desk: Desk) -> None:
    desk.calls.attempts.threads.limit = 0
    desk.handle(asked("compute"))
    await wait_until(lambda: desk.counts["refused.overloaded"], SOON, "the sync tool is refused")
    assert desk.started == []
    desk.handle(asked("look"))
    await wait_until(lambda: desk.started, SOON, "the async tool runs")


@pytest.mark.parametrize("tool", ["charge", "build"])
@pytest.mark.parametrize("pinned", [True, False])
async def test_what_its_caller_pinned_is_recorded_with_its_revision(
    desk: Desk, tool: str, pinned: bool
) -> None:
    """Whoever takes it after its replica was lost must be of the same one."""
    revision = desk.calls.policy.tools[tool].descriptor.tool_rev
    authentic = asked(tool, tool_rev=revision if pinned else None)
    desk.handle(authentic)
    await until(lambda: is_recorded(desk, authentic))
    record = await desk.record(authentic)
    assert record is not None
    assert record.needs == (f"{tool}@{revision}" if pinned else tool)
    desk.gate.set()


# --- what the delivery is needed for ---


@pytest.mark.promise("P8")
async def test_a_delivery_is_kept_until_the_claim_and_again_for_the_answer(desk: Desk) -> None:
    hold, charge = Hold(), asked()
    desk.handle(charge, hold)
    assert hold.needed, "nothing else knows of the request yet"
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    assert not hold.needed, "its record is there"
    desk.gate.set()
    await until(lambda: is_over(desk, charge))
    assert hold.needed, "the answer is sent from here, which a crash would prevent"


@pytest.mark.promise("P8")
async def test_when_the_delivery_was_given_back_the_answer_goes_through_the_outbox(desk: Desk) -> None:
    hold, charge = Hold(), asked()
    work = desk.handle(charge, hold)
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    hold.overdue = True
    desk.gate.set()
    await asyncio.wait_for(work, SOON)
    assert not hold.needed
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await desk.calls.attempts.outbox.drained()


def test_an_outcome_that_waits_for_the_store_does_not_keep_its_delivery() -> None:
    hold = Hold()
    assert not hold.answer_through_outbox()
    assert hold.needed, "it is sent as soon as the outcome is written"
    assert hold.answer_through_outbox(), "that was in vain"
    assert not hold.needed


async def test_a_tool_without_a_record_does_not_need_its_delivery_for_ever(desk: Desk) -> None:
    hold = Hold()
    desk.handle(asked("look"), hold)
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    assert not hold.needed


async def is_over(desk: Desk, authentic: Authentic) -> bool:
    record = await desk.record(authentic)
    return record is not None and record.status.final


# --- duplicates ---


@pytest.mark.promise("P4")
@pytest.mark.parametrize("ended", [False, True])
async def test_a_record_goes_before_the_want_of_a_place(
    desk: Desk, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has a record needs no place to be answered, or to be left to whoever runs it."""
    monkeypatch.setattr(calls_module, "PLACE_PATIENCE_S", 0.01)
    first = asked()
    desk.handle(first)
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    if ended:
        desk.gate.set()
        await until(lambda: is_over(desk, first))
        desk.gate.clear()
    desk.handle(asked("look"))  # the first one keeps its place until its answer is sent
    await wait_until(lambda: len(desk.started) == 2, SOON, "all places are taken")
    second = same_but(first, reply_to="instance-2")
    desk.handle(second)
    await until(lambda: is_addressed(desk, second))
    assert desk.counts["refused.overloaded"] == 0


async def is_addressed(desk: Desk, authentic: Authentic) -> bool:
    record = await desk.record(authentic)
    return record is not None and record.address.request_digest == authentic.digest


@pytest.mark.promise("P4")
async def test_a_second_attempt_moves_the_answer_and_runs_nothing(desk: Desk) -> None:
    first = asked()
    desk.handle(first)
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    second = same_but(first, reply_to="instance-2")
    await asyncio.wait_for(desk.handle(second), SOON)
    record = await desk.record(first)
    assert record is not None
    assert (record.address.reply_to, record.address.request_digest) == ("instance-2", second.digest)
    assert desk.started == [1]


async def test_a_client_may_leave_the_registry_while_its_request_is_claimed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = desk.store.claim

    async def leaves(*given: Any, **named: Any) -> Changed | Record:
        claimed = await claim(*given, **named)
        desk.clients.clear()
        return claimed

    monkeypatch.setattr(desk.store, "claim", leaves)
    first = asked()
    second = same_but(first, reply_to="instance-2")
    for attempt in (first, second):
        desk.handle(attempt)

    async def is_moved() -> bool:
        record = await desk.record(first)
        return record is not None and record.address.reply_to == "instance-2"

    await until(is_moved)


@pytest.mark.promise("P6")
async def test_a_replayed_older_attempt_moves_nothing(desk: Desk) -> None:
    first = asked()
    desk.handle(first)
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    older = same_but(first, reply_to="instance-0", ts_ms=first.request.ts_ms - 1)
    await asyncio.wait_for(desk.handle(older), SOON)
    record = await desk.record(first)
    assert record is not None
    assert record.address.reply_to == first.request.reply_to


async def test_a_second_submission_moves_the_events_of_a_job_that_is_not_over(desk: Desk) -> None:
    first = asked("build")
    desk.handle(first)
    second = same_but(first, reply_to="instance-2")
    await until(lambda: is_there(desk, first))
    desk.handle(second)

    async def is_moved() -> bool:
        record = await desk.record(first)
        return record is not None and record.address.reply_to == "instance-2"

    await until(is_moved)


async def is_there(desk: Desk, authentic: Authentic) -> bool:
    return await desk.record(authentic) is not None


async def test_a_repeated_nonce_of_a_tool_without_a_record_is_left(desk: Desk) -> None:
    look = asked("look")
    desk.handle(look)
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    await asyncio.wait_for(desk.handle(look), SOON)
    assert (desk.started, desk.counts["repeated"]) == ([1], 1)


# --- another's name ---


@pytest.mark.promise("P5", "P6")
async def test_who_signs_for_another_uses_up_nothing_of_theirs(desk: Desk) -> None:
    """Neither the rate nor the nonces of the client whose name was taken, nor its record."""
    charge = asked()
    forged = same_but(charge, by=OTHERS_KEY)
    for _ in range(300):
        desk.handle(forged)
    await wait_until(lambda: desk.counts["refused.forbidden"] == 300, SOON, "all are refused")
    nonce = forged.request.nonce
    usage = desk.calls.meter.look(CLIENT, nonce, client(rate=100), redelivered=False, now=time.monotonic())
    assert (usage.wait_ms, usage.nonce_seen) == (0, False)
    assert await desk.record(charge) is None


# --- the store ---


async def test_a_request_waits_for_the_store_and_runs_once(desk: Desk) -> None:
    charge = asked()
    await desk.store.__aexit__()
    desk.handle(charge)
    await wait_until(lambda: desk.away, SOON, "it has tried")
    await desk.store.__aenter__()
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    record = await desk.record(charge)
    assert record is not None
    assert record.status is Status.RUNNING


@pytest.mark.promise("P4")
@pytest.mark.parametrize("committed", [True, False])
async def test_a_claim_of_unknown_outcome_runs_once(
    committed: bool, tmp_path: Path, post: Post, seals: Seals, threads: ToolThreads
) -> None:
    lossy = Lossy(tmp_path / "store.sqlite3")
    async with lossy.store as store:
        desk = Desk(store, post, seals, threads)
        charge = asked()
        lossy.lose(committed=committed)
        desk.handle(charge)
        await wait_until(lambda: desk.started, SOON, "the tool runs")
        desk.gate.set()
        await until(lambda: is_over(desk, charge))
        assert (desk.started, desk.away) == ([1], ["yes"])
        await desk.tasks.cancel()


@pytest.mark.promise("P7", "P8")
@pytest.mark.parametrize("committed", [True, False])
async def test_an_acceptance_of_unknown_outcome_is_recorded_once(
    committed: bool, tmp_path: Path, post: Post, seals: Seals, threads: ToolThreads
) -> None:
    lossy = Lossy(tmp_path / "store.sqlite3")
    async with lossy.store as store:
        desk = Desk(store, post, seals, threads)
        build = asked("build")
        lossy.lose(committed=committed)
        desk.handle(build)
        await wait_until(lambda: desk.away, SOON, "the store was lost")
        await until(lambda: is_there(desk, build))
        accepted = await store.jobs(CLIENT, statuses=tuple(Status), limit=10, before=None)
        assert [(job.status, job.seq) for job in accepted] == [(Status.ACCEPTED, 1)]
        assert desk.away == ["yes"]
        await desk.tasks.cancel()


# --- limits ---


async def test_calls_that_come_together_are_counted_one_by_one(desk: Desk) -> None:
    """Each is looked up in the store first: none of them runs yet when the last one arrives."""
    only_one = {CLIENT: client(max_running=1)}
    desk.calls.policy = replace(desk.calls.policy, clients=only_one)
    for _ in range(5):
        desk.handle(asked())
    await wait_until(lambda: desk.counts["refused.rate_limited"] == 4, SOON, "all others are refused")
    await wait_until(lambda: desk.started, SOON, "the one runs")
    assert desk.started == [1]


async def test_who_waits_for_a_place_counts_as_running(desk: Desk) -> None:
    two = {CLIENT: client(max_running=2), "client-2": client()}
    desk.calls.policy = replace(desk.calls.policy, clients=two)
    for _ in range(2):  # all the places
        desk.handle(same_but(asked(), by=OTHERS_KEY, client_id="client-2"))
    await wait_until(lambda: len(desk.started) == 2, SOON, "the places are taken")
    for _ in range(4):
        desk.handle(asked())
    await wait_until(lambda: desk.counts["refused.rate_limited"] == 2, SOON, "the others are refused")


# --- stopping ---


@pytest.mark.promise("P8")
@pytest.mark.parametrize("tool", ["charge", "look"])
async def test_a_stopping_replica_begins_no_call(desk: Desk, tool: str) -> None:
    desk.calls.stop()
    hold, late = Hold(), asked(tool)
    await asyncio.wait_for(desk.handle(late, hold), SOON)
    assert hold.declined
    assert hold.needed
    assert (desk.started, await desk.record(late)) == ([], None)


async def test_a_stopping_replica_still_answers_what_takes_no_place(desk: Desk) -> None:
    desk.calls.stop()
    hold, submission = Hold(), asked("build")
    desk.handle(submission, hold)
    await until(lambda: is_there(desk, submission))
    assert not hold.declined


@pytest.mark.promise("P2")
@pytest.mark.parametrize(
    "wrong", [{"args": {"amount": "x"}}, {"tool": "steal"}, {"tool_rev": "A" * 43}], ids=str
)
async def test_a_refused_line_that_comes_again_is_left_and_costs_its_client_nothing(
    desk: Desk, wrong: dict[str, Any]
) -> None:
    """Whoever reads it can repeat it: for the same answer, and at the expense of who signed it."""
    desk.calls.policy = replace(desk.calls.policy, clients={CLIENT: client(rate=1)})
    refused = asked(**wrong)
    for _ in range(20):
        desk.handle(refused)
    await wait_until(lambda: desk.counts["repeated"] == 19, SOON, "all but one are left")
    usage = desk.calls.meter.look(CLIENT, "m" * 22, client(rate=1), redelivered=False, now=time.monotonic())
    assert usage.wait_ms == 0


@pytest.mark.promise("P2")
@pytest.mark.parametrize("tool", ["charge", "build"])
async def test_what_is_on_record_costs_its_client_nothing_however_often_it_is_asked(
    desk: Desk, tool: str
) -> None:
    """Only claiming it tells that it is no new request."""
    desk.calls.policy = replace(desk.calls.policy, clients={CLIENT: client(rate=1)})
    first = asked(tool)
    desk.handle(first)
    await until(lambda: is_there(desk, first))
    for _ in range(20):
        desk.handle(same_but(first))
        await asyncio.sleep(0)
    moved = same_but(first, reply_to="instance-2", ts_ms=first.request.ts_ms + 2)
    desk.handle(moved)

    async def is_moved() -> bool:
        record = await desk.record(first)
        return record is not None and record.address.reply_to == "instance-2"

    await until(is_moved)
    usage = desk.calls.meter.look(CLIENT, "m" * 22, client(rate=1), redelivered=False, now=time.monotonic())
    assert usage.wait_ms == 0
    assert not desk.counts["refused.rate_limited"]


@pytest.mark.parametrize("tool", ["charge", "build"])
async def test_a_new_request_is_not_looked_up_before_it_is_recorded(
    desk: Desk, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    find = desk.store.find

    async def look(key: RecordKey) -> Record | None:
        looked.append(key)
        return await find(key)

    monkeypatch.setattr(desk.store, "find", look)
    new, wrong = asked(tool), asked(tool, tool_rev="A" * 43)
    desk.handle(new)
    desk.handle(wrong)
    await wait_until(lambda: desk.counts["refused.tool_changed"], SOON, "the wrong one is refused")
    assert looked == [RecordKey(CLIENT, wrong.request.request_id)]


@pytest.mark.promise("P7")
async def test_a_store_that_does_not_say_whether_it_has_claimed_is_told_as_unavailable(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it claims in the end is run: its caller may ask again under the same id."""
    monkeypatch.setattr("toolwire.services.requests.asked.STORE_PATIENCE_S", 0.05)
    claim, goes_on = desk.store.claim, asyncio.Event()

    async def slow(*given: Any, **named: Any) -> Changed | Record:
        await goes_on.wait()
        return await claim(*given, **named)

    monkeypatch.setattr(desk.store, "claim", slow)
    desk.handle(asked())
    await wait_until(lambda: desk.counts["refused.unavailable"] == 1, SOON, "it is told")
    goes_on.set()
    await wait_until(lambda: desk.started, SOON, "the tool runs")
    assert desk.counts["refused.unavailable"] == 1
