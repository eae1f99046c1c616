"""What is signalled of a request from its first attempt to its one ending, and of a store that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from tests.unit.services.given import HOLDER, LEASE_MS, new_record
from tests.unit.services.given import TOOLS as GIVEN
from tests.waiting import wait_until
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services import JobContext, Service
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.leases import Ending
from toolwire.services.running.runner import Runner, prepare
from toolwire.services.running.tasks import Tasks
from toolwire.services.store.port import Changed, Record, Store
from toolwire.services.telemetry.signals import HOOKS, Signals, Whom
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.post import Post
from toolwire.services.upkeep.store_watch import StoreWatch
from toolwire.services.upkeep.sweep import Sweep
from toolwire.testing.memory import MemoryBroker

SOON = 5.0
service = Service("server-1")


@service.job(max_attempts=3)
async def wait(ctx: JobContext[None]) -> None:
    """A job that ends only when it is ended."""
    await asyncio.Event().wait()


class Approval(BaseModel):
    approved: bool


@service.job(asks=(Approval,))
async def ask(ctx: JobContext[None]) -> bool:
    """A job that asks."""
    return ctx.ask(Approval, "Go on?").approved


TOOLS = {**GIVEN, **service.tools}
Told = tuple[Any, ...]


class Heard(Signals):
    """Keeps every signal: its name, and what it says besides whom it is about."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.whom: set[Whom] = set()
        for name in HOOKS:
            setattr(self, name, self._keeping(name))

    def _keeping(self, name: str) -> Callable[..., None]:
        def keep(*said: Any) -> None:
            self.whom |= {each for each in said if isinstance(each, Whom)}
            self.told.append((name, *(each for each in said if not isinstance(each, Whom | float))))

        return keep


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def attempts(attempts: Attempts, heard: Heard) -> Attempts:
    return replace(attempts, signals=heard)


async def held(store: Store, tool: str, args: dict[str, Any]) -> Record:
    """A record of that tool, which this replica holds."""
    spec = TOOLS[tool]
    new = new_record(spec, args)
    got: Changed | Record | None
    if spec.kind == "job":
        await store.accept(new, holder=HOLDER, lease_ms=LEASE_MS)
        got = await store.take([tool], token="token-1", holder=HOLDER, lease_ms=LEASE_MS, kinds=["job"])
    else:
        got = await store.claim(new, token="token-1", holder=HOLDER, lease_ms=LEASE_MS)
    assert isinstance(got, Changed)
    return got.record


async def run(attempts: Attempts, record: Record) -> None:
    await attempts.run(record, prepare(record, TOOLS), tell=lambda: True)


@pytest.mark.parametrize(("tool", "args"), [("charge", {"amount": 1}), ("build", {})])
async def test_a_tool_that_gives_its_result(
    attempts: Attempts, store: Store, heard: Heard, tool: str, args: dict[str, Any]
) -> None:
    record = await held(store, tool, args)
    await run(attempts, record)
    assert heard.told == [("started", 1), ("ran",), ("settled", Status.DONE, None)]
    [whom] = heard.whom
    assert whom == Whom(record.key.client_id, record.key.request_id, tool, record.job_id)


async def test_a_job_whose_time_is_up(attempts: Attempts, store: Store, heard: Heard) -> None:
    record = await held(store, "build", {})
    await run(attempts, replace(record, deadline_ms=0))
    assert heard.told == [("started", 1), ("ran",), ("settled", Status.ERROR, Code.DEADLINE_EXCEEDED)]


async def test_an_attempt_that_is_handed_back(attempts: Attempts, store: Store, heard: Heard) -> None:
    record = await held(store, "wait", {})
    running = asyncio.ensure_future(run(attempts, record))
    await wait_until(lambda: len(attempts.leases), SOON, "it runs")
    attempts.leases.end_all(Ending.DRAINING)
    await running
    assert heard.told == [("started", 1), ("ran",), ("retried", 1, 0)]


async def test_an_attempt_that_asks(attempts: Attempts, store: Store, heard: Heard) -> None:
    await run(attempts, await held(store, "ask", {}))
    assert heard.told == [("started", 1), ("ran",), ("parked", 1)]


async def test_a_lease_that_was_lost(attempts: Attempts, store: Store, heard: Heard) -> None:
    """Somebody else has settled it meanwhile, and signals that."""
    record = await held(store, "charge", {"amount": 1})
    await run(attempts, replace(record, token="another token"))
    assert heard.told == [("started", 1), ("ran",), ("lease_lost",)]


@pytest.mark.parametrize(
    ("tool", "args", "seconds", "told"),
    [
        ("build", {}, 60, [("taken_over", Status.ACCEPTED)]),
        (
            "charge",
            {"amount": 1},
            60,
            [("taken_over", Status.ERROR), ("settled", Status.ERROR, Code.INTERRUPTED)],
        ),
        ("launch", {}, -1, [("settled", Status.ERROR, Code.DEADLINE_EXCEEDED)]),
    ],
)
async def test_what_the_sweep_puts_right(
    attempts: Attempts,
    store: Store,
    outbox: Outbox,
    post: Post,
    heard: Heard,
    tool: str,
    args: dict[str, Any],
    seconds: float,
    told: list[Told],
) -> None:
    spec = TOOLS[tool]
    new = new_record(spec, args, seconds=seconds)
    if spec.kind == "job":
        await store.accept(new, holder="gone", lease_ms=0)
        await store.take([tool], token="token-1", holder="gone", lease_ms=0, kinds=["job"])
    else:
        await store.claim(new, token="token-1", holder="gone", lease_ms=0)
    runner = Runner(attempts, TOOLS, Tasks(), post, 1)
    sweep = Sweep(
        store=store,
        outbox=outbox,
        runner=runner,
        signals=heard,
        holder=HOLDER,
        lease_ms=LEASE_MS,
        result_ttl_ms=60_000,
        skew_ms=30_000,
    )
    await sweep.once()
    assert heard.told == told


async def test_a_store_that_is_away_and_comes_back(store: Store, heard: Heard) -> None:
    receiver = MemoryBroker().consumer(name="replica-1", subscriptions=[])
    async with receiver:
        watch = StoreWatch(store, receiver, HOLDER, heard)
        watching = asyncio.ensure_future(watch.work())
        watch.report()
        await wait_until(lambda: len(heard.told) == 2, SOON, "it is back")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert heard.told == [("store_away",), ("store_back",)]
    assert not watch.away
