"""Carry out what was decided for an authentic request."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from toolwire.client.clock import now_ms
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services.failpoints import reach
from toolwire.services.requests.answers import Answers, reply_of
from toolwire.services.requests.asked import STORE_PATIENCE_S, Asked
from toolwire.services.requests.authenticate import Authentic
from toolwire.services.requests.decide import Policy, Usage, accepted, again, decide, refuse, stored
from toolwire.services.requests.hold import Hold
from toolwire.services.requests.places import Places
from toolwire.services.requests.plans import Accept, Answer, Claim, Leave, Plan, Prepared, Reply, Run
from toolwire.services.requests.usage import UsageMeter
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.context import Caller, ToolContext
from toolwire.services.running.endings import Ended
from toolwire.services.running.execute import execute
from toolwire.services.running.runner import Runner, prepare
from toolwire.services.store.port import Record, StoreAway
from toolwire.services.telemetry.run import since, told_run
from toolwire.services.telemetry.signals import Signals, Whom

T = TypeVar("T")

log = logging.getLogger("toolwire.services")

PLACE_PATIENCE_S = 2.0
"""How long a request waits for a free place before it is answered `overloaded`."""
MOVABLE_PATIENCE_S = 0.25
"""How long one waits that came with others, until another replica may have it: slow tools spread."""
STORE_RETRY_S = 0.25
TRY_AGAIN_MS = 500


@dataclass(slots=True)
class Calls:
    """Handles the authentic requests that reach this replica."""

    policy: Policy
    attempts: Attempts
    runner: Runner
    answers: Answers
    places: int
    on_store_away: Callable[[], None]
    meter: UsageMeter = field(default_factory=UsageMeter)
    stopping: bool = field(default=False, init=False)
    """Whether no call begins here any more."""
    _places: Places = field(init=False)

    def __post_init__(self) -> None:
        self._places = Places(self.places)

    @property
    def running(self) -> int:
        """How many places are taken."""
        return self._places.taken

    @property
    def _signals(self) -> Signals:
        return self.attempts.signals

    def stop(self) -> None:
        """Begin no call any more; to be said once nothing more is delivered here, or it would come back."""
        self.stopping = True

    async def handle(self, authentic: Authentic, hold: Hold, *, redelivered: bool) -> None:
        """See a request through to its answer, or decline it. A store that is away is waited for, within
        reason.
        """
        asked = Asked(authentic, hold, redelivered=redelivered)
        while True:
            try:
                await self._decided(asked)
            except StoreAway as error:
                log.warning("a request waits for the store: %s", error)
                self.on_store_away()
                if min(asked.patience_left, asked.seconds_left) < STORE_RETRY_S:
                    await self._tell_unavailable(asked)
                    return
                await asyncio.sleep(STORE_RETRY_S * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            else:
                return

    async def _decided(self, asked: Asked) -> None:
        """Decide as for a request that is not on record. Whether it is, claiming it tells; before a refusal
        the store is asked, for a record goes before it.
        """
        plan = self._plan(asked, None)
        if isinstance(plan, Answer | Leave):
            await self._unless_on_record(plan, asked)
        else:
            await self._carry_out(plan, asked)

    async def _unless_on_record(self, refusal: Plan, asked: Asked) -> None:
        record = await self._record(asked)
        if record is None:
            await self._carry_out(refusal, asked)
            return
        self._count_out(asked)
        if not await self._is_own(record, asked):
            await self._carry_out(self._plan(asked, record), asked)

    def _plan(self, asked: Asked, record: Record | None) -> Plan:
        return decide(asked.authentic, record, lambda: self._usage(asked), self.policy, now_ms())

    async def _record(self, asked: Asked) -> Record | None:
        """The record of the request, where its tool may have one. `StoreAway` when it takes too long."""
        spec = self.policy.tools.get(asked.request.tool)
        if spec is not None and not spec.recorded:
            return None
        try:
            async with asyncio.timeout(asked.patience_left):
                return await self.attempts.store.find(asked.key)
        except TimeoutError:
            raise StoreAway(f"the store did not answer within {STORE_PATIENCE_S:g} s") from None

    def _usage(self, asked: Asked) -> Usage:
        """What the client uses, this request counted in."""
        if asked.usage is not None:
            return replace(asked.usage, running=self.meter.count(asked.client_id))
        asked.usage = self.meter.look(
            asked.client_id,
            asked.request.nonce,
            self.policy.clients.get(asked.client_id),
            redelivered=asked.redelivered,
            now=asked.since,
        )
        asked.counted = asked.usage.counted
        return asked.usage

    def _count_out(self, asked: Asked) -> None:
        """The request turned out to be on record: somebody else may have published it again."""
        if asked.counted:
            asked.counted = False
            self.meter.give_back(asked.client_id)

    async def _carry_out(self, plan: Plan, asked: Asked) -> None:
        match plan:
            case Run(prepared):
                await self._run(prepared, asked)
            case Claim(prepared, meant):
                await self._claim(prepared, meant, asked)
            case Accept(prepared, meant):
                await self._accept(prepared, meant, asked)
            case Answer():
                await self._answer(plan, asked)
            case Leave("running"):
                self._signals.repeated(asked.whom, "running")
                await self._leave_to_owner(asked)
            case Leave():
                self._signals.repeated(asked.whom, "nonce")

    async def _answer(self, answer: Answer, asked: Asked) -> None:
        if answer.broke is not None:
            log.error(
                "the arguments of %s broke it, error id %s",
                asked.request.tool,
                asked.authentic.digest[:16],
                exc_info=answer.broke,
            )
        if answer.on_record:
            self._signals.repeated(asked.whom, "stored")
            await self._note_attempt(asked)
        elif answer.reply.error is not None:
            self._signals.refused(asked.whom, answer.reply.error.code)
        await self._reply(asked, answer.reply)

    async def _leave_to_owner(self, asked: Asked) -> None:
        """Have the answer sent to this attempt; send it from here where its owner has just ended."""
        record = await self._note_attempt(asked)
        if record is not None and record.status.final and not record.forgotten:
            await self._reply(asked, stored(record))

    async def _note_attempt(self, asked: Asked) -> Record | None:
        client = self.policy.clients.get(asked.client_id)  # it may have left the registry meanwhile
        # No attempt runs with a deadline further off: none keeps its tombstone for longer either.
        latest_ms = now_ms() + (0 if client is None else client.max_ttl_s * 1000)
        return await self.attempts.store.readdress(
            asked.key, asked.address, deadline_ms=min(asked.request.deadline_ms, latest_ms)
        )

    # --- running ---

    async def _run(self, prepared: Prepared, asked: Asked) -> None:
        """Run a tool that needs no record."""
        if not prepared.spec.takes_place:
            ended = await self._executed(prepared, asked)
        elif await self._has_place(prepared, asked):
            try:
                ended = await self._executed(prepared, asked)
            finally:
                self._leave_place(asked)
        else:
            return
        reply = reply_of(ended, prepared)
        status, code = (Status.DONE, None) if reply.error is None else (Status.ERROR, reply.error.code)
        self._signals.settled(asked.whom, status, code)
        await self._reply(asked, reply)

    async def _executed(self, prepared: Prepared, asked: Asked) -> Ended:
        asked.hold.cover()
        request = asked.request
        with told_run(
            self._signals,
            asked.whom,
            server_id=self.policy.server_id,
            replica=self.attempts.holder,
            attempt=1,
            waited_s=since(request.ts_ms),
            trace=request.trace,
        ) as run:
            ended = await execute(
                prepared,
                self._context(prepared, asked) if prepared.spec.takes_context else (),
                seconds_left=asked.seconds_left,
                threads=self.attempts.threads,
                processes=self.attempts.processes,
            )
            if ended.error is not None:
                run.failed(ended.error.code)
            return ended

    async def _claim(self, prepared: Prepared, meant: str, asked: Asked) -> None:
        """Claim the request, run it under the lease, and answer what was recorded (promise P4)."""
        if not prepared.spec.takes_place:
            await self._claim_in_place(prepared, meant, asked)
        elif await self._has_place(prepared, asked):
            try:
                await self._claim_in_place(prepared, meant, asked)
            finally:
                self._leave_place(asked)

    async def _claim_in_place(self, prepared: Prepared, meant: str, asked: Asked) -> None:
        attempts = self.attempts
        claimed = await self._patiently(
            asked,
            attempts.store.claim(
                asked.record(prepared, meant, "call"),
                token=asked.token,
                holder=attempts.holder,
                lease_ms=attempts.leases.lease_ms,
            ),
        )
        if not isinstance(claimed, Record):
            await self._run_claimed(claimed.record, prepared, asked.hold)
        elif not await self._is_own(claimed, asked):
            self._count_out(asked)
            await self._carry_out(again(claimed, meant), asked)

    async def _is_own(self, record: Record, asked: Asked) -> bool:
        """Run what was claimed from here although the store was lost while saying so."""
        if record.token != asked.token:
            return False
        await self._run_claimed(record, prepare(record, self.policy.tools), asked.hold)
        return True

    async def _run_claimed(self, record: Record, prepared: Prepared, hold: Hold) -> None:
        reach("claim.committed")
        hold.cover()
        ended = await self.attempts.run(record, prepared, tell=hold.answer_through_outbox)
        if ended is None or not ended.record.status.final:
            return  # taken over, or handed back: whoever runs it now answers
        if ended.messages:
            self.attempts.outbox.tell(ended.messages)
            return
        told = ended.record
        await self.answers.send(told.key, told.address, stored(told), told.deadline_ms)

    async def _accept(self, prepared: Prepared, meant: str, asked: Asked) -> None:
        """Record a job, see that somebody looks for it, and answer `accepted`."""
        attempts = self.attempts
        new = await self._patiently(
            asked,
            attempts.store.accept(
                asked.record(prepared, meant, "job"),
                holder=attempts.holder,
                lease_ms=attempts.leases.lease_ms,
            ),
        )
        if isinstance(new, Record):
            self._count_out(asked)
            await self._carry_out(again(new, meant), asked)
            return
        reach("accept.committed")
        self._signals.accepted(Whom.of(new.record))
        self.runner.offer()  # first: sealing what is to be told takes longer than taking the job
        self.runner.expect(new.record)
        attempts.outbox.tell(new.messages)
        await self._reply(asked, accepted(new.record))

    async def _patiently(self, asked: Asked, work: Awaitable[T]) -> T:
        """Wait for the store, however long it takes: what is claimed has to be run. But its caller hears in
        time that it takes too long.
        """
        tasks = self.runner.tasks
        late = asyncio.get_running_loop().call_later(
            max(0.0, min(asked.patience_left, asked.seconds_left)),
            lambda: tasks.start(self._tell_unavailable(asked), "unavailable"),
        )
        try:
            return await work
        finally:
            late.cancel()

    # --- places ---

    async def _has_place(self, prepared: Prepared, asked: Asked) -> bool:
        """Take one of the replica's places, which is to be left again. False where none gets free in time,
        so that the request was seen through without one, or where another replica has to take it.
        """
        if prepared.spec.run_in == "thread" and self.attempts.threads.full:
            await self._refuse_place("too many sync tools never came back", asked)
            return False
        self.meter.begin(asked.client_id)  # who waits for a place runs next
        patience_s = MOVABLE_PATIENCE_S if asked.hold.movable else PLACE_PATIENCE_S
        has_place = False
        try:
            has_place = self._places.take_now() or await self._places.take(patience_s)
        finally:
            if not has_place:
                self.meter.end(asked.client_id)
        if has_place and not self.stopping:
            return True
        if has_place:
            self._leave_place(asked)
        if self.stopping or asked.hold.movable:
            self._decline(asked)
        else:
            await self._refuse_place("all places are taken", asked)
        return False

    async def _refuse_place(self, why: str, asked: Asked) -> None:
        await self._unless_on_record(_not_now(Code.OVERLOADED, why), asked)

    def _decline(self, asked: Asked) -> None:
        """Leave it to another replica, or to this one when it comes again: as new as it was."""
        asked.hold.declined = True
        if asked.counted:
            asked.counted = False
            self.meter.forget(asked.client_id, asked.request.nonce)

    def _leave_place(self, asked: Asked) -> None:
        self._places.give_back()
        self.meter.end(asked.client_id)

    # --- answering ---

    def _context(self, prepared: Prepared, asked: Asked) -> tuple[ToolContext[Any], ...]:
        request = asked.request
        known: dict[str, Any] = {
            "client_id": request.client_id,
            "request_id": request.request_id,
            "tool": request.tool,
            "deadline_ms": request.deadline_ms,
            "trace": request.trace,
        }
        if prepared.spec.builtin:
            return (Caller(state=None, kid=asked.authentic.key.kid, **known),)
        return (ToolContext(state=self.attempts.state, **known),)

    async def _tell_unavailable(self, asked: Asked) -> None:
        if not asked.told_unavailable:
            asked.told_unavailable = True
            asked.hold.cover()  # who is told so asks again: a hanging store must not keep the delivery here
            await self._answer(_not_now(Code.UNAVAILABLE, "the store is away"), asked)

    async def _reply(self, asked: Asked, reply: Reply) -> None:
        await self.answers.send(asked.key, asked.address, reply, asked.request.deadline_ms)


def _not_now(code: Code, message: str) -> Answer:
    """A refusal that invites to ask again."""
    return refuse(code, message, retry_after_ms=TRY_AGAIN_MS)
