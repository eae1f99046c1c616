"""Carry out what was decided for an authentic request."""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from toolwire.client.clock import now_ms
from toolwire.contracts.encoding import canonical
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services.failpoints import reach
from toolwire.services.requests.answers import Answers, reply_of
from toolwire.services.requests.authenticate import Authentic
from toolwire.services.requests.decide import Policy, Usage, again, decide, is_new, refuse, stored
from toolwire.services.requests.plans import Accept, Answer, Claim, Leave, Plan, Prepared, Reply, Run
from toolwire.services.requests.usage import UsageMeter
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.context import Caller, ToolContext
from toolwire.services.running.execute import execute
from toolwire.services.running.runner import Runner, prepare
from toolwire.services.store.port import Address, Kind, NewRecord, Record, RecordKey, StoreAway
from toolwire.services.telemetry.run import since, told_run
from toolwire.services.telemetry.signals import Signals, Whom

log = logging.getLogger("toolwire.services")

PLACE_PATIENCE_S = 2.0
"""How long a request waits for a free place before it is answered `overloaded`."""
STORE_PATIENCE_S = 8.0
"""How long a request waits for a store that is away, or that does not say what it knows of the request, until
the answer is `unavailable`."""
STORE_RETRY_S = 0.25
TRY_AGAIN_MS = 500


@dataclass(slots=True, eq=False)
class Hold:
    """Whether the broker still holds the request, and would give it to another replica after a crash."""

    overdue: bool = False
    """Held for long enough: the broker is to be rid of it as soon as something else covers a crash."""
    needed: bool = True
    """Nothing else covers a crash: there is no record yet, or its answer is about to be sent from here."""
    declined: bool = False
    """Nothing was done for the request here: the broker is to give it to another replica."""

    def answer_through_outbox(self) -> bool:
        """Whether the outcome that is about to be written must take its answer along.

        If not, the broker has to hold the request until that answer was sent.
        """
        through_outbox = self.overdue
        self.needed = not through_outbox
        self.overdue = True  # asked again, the store has not taken the outcome, and may be away for long
        return through_outbox


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
    running: int = field(default=0, init=False)
    """How many places are taken."""
    _places: asyncio.Semaphore = field(init=False)
    _stopping: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.places)

    @property
    def _signals(self) -> Signals:
        return self.attempts.signals

    def stop(self) -> None:
        """Begin no call any more; to be said once nothing more is delivered here, or it would come back."""
        self._stopping = True

    async def handle(self, authentic: Authentic, hold: Hold, *, redelivered: bool) -> None:
        """See a request through to its answer. A store that is away is waited for, within reason."""
        usage: Usage | None = None
        token = secrets.token_hex(16)
        patient_until = time.monotonic() + STORE_PATIENCE_S
        give_up = min(patient_until, time.monotonic() + _seconds_left(authentic))
        while True:
            try:
                record = await self._record(authentic, patient_until)
                if record is not None and record.token == token:
                    # The claim was committed although the store was lost while saying so.
                    await self._run_claimed(record, prepare(record, self.policy.tools), hold)
                else:
                    # Now and once: the look-up took a while, and calls that came together would all have
                    # seen none running; a store that is away costs the client nothing.
                    now = now_ms()
                    if usage is None and is_new(authentic, record, self.policy, now):
                        usage = self._usage(authentic, redelivered=redelivered)
                    seen = replace(usage or Usage(), running=self.meter.count(authentic.key.owner))
                    plan = decide(authentic, record, seen, self.policy, now)
                    await self._carry_out(plan, authentic, token, hold)
            except StoreAway as error:
                log.warning("a request waits for the store: %s", error)
                self.on_store_away()
                if time.monotonic() + STORE_RETRY_S > give_up:
                    await self._refuse(authentic, Code.UNAVAILABLE, "the store is away")
                    return
                await asyncio.sleep(STORE_RETRY_S * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            else:
                return

    async def _record(self, authentic: Authentic, patient_until: float) -> Record | None:
        """The record of the request, where its tool may have one. Raises `StoreAway` at the latest then."""
        spec = self.policy.tools.get(authentic.request.tool)
        if spec is not None and not spec.recorded:
            return None
        try:
            async with asyncio.timeout(patient_until - time.monotonic()):
                return await self.attempts.store.find(_key(authentic))
        except TimeoutError:
            raise StoreAway(f"the store did not answer within {STORE_PATIENCE_S:g} s") from None

    def _usage(self, authentic: Authentic, *, redelivered: bool) -> Usage:
        """What the client uses, this request counted in."""
        request = authentic.request
        return self.meter.look(
            request.client_id,
            request.nonce,
            self.policy.clients.get(request.client_id),
            redelivered=redelivered,
            now=time.monotonic(),
        )

    async def _carry_out(self, plan: Plan, authentic: Authentic, token: str, hold: Hold) -> None:
        match plan:
            case Answer(reply, on_record, broke):
                if broke is not None:
                    log.error(
                        "the arguments of %s broke it, error id %s",
                        authentic.request.tool,
                        authentic.digest[:16],
                        exc_info=broke,
                    )
                if on_record:
                    self._signals.repeated(_whom(authentic), "stored")
                    await self._note_attempt(authentic)
                elif reply.error is not None:
                    self._signals.refused(_whom(authentic), reply.error.code)
                await self._reply(authentic, reply)
            case Leave("running"):
                self._signals.repeated(_whom(authentic), "running")
                await self._leave_to_owner(authentic)
            case Leave():
                self._signals.repeated(_whom(authentic), "nonce")
            case Run(prepared):
                await self._run(prepared, authentic, hold)
            case Claim(prepared, meant):
                await self._claim(prepared, meant, authentic, token, hold)
            case Accept(prepared, meant):
                await self._accept(prepared, meant, authentic, token, hold)

    async def _leave_to_owner(self, authentic: Authentic) -> None:
        """Have the answer sent to this attempt; send it from here where its owner has just ended."""
        record = await self._note_attempt(authentic)
        if record is not None and record.status.final and not record.forgotten:
            await self._reply(authentic, stored(record))

    async def _note_attempt(self, authentic: Authentic) -> Record | None:
        client = self.policy.clients.get(authentic.key.owner)  # it may have left the registry meanwhile
        # No attempt runs with a deadline further off: none keeps its tombstone for longer either.
        latest_ms = now_ms() + (0 if client is None else client.max_ttl_s * 1000)
        return await self.attempts.store.readdress(
            _key(authentic),
            _address(authentic),
            deadline_ms=min(authentic.request.deadline_ms, latest_ms),
        )

    async def _run(self, prepared: Prepared, authentic: Authentic, hold: Hold) -> None:
        """Run a tool that needs no record."""
        async with self._place(prepared, authentic, hold) as placed:
            if not placed:
                return
            hold.needed = False
            whom = _whom(authentic)
            with told_run(
                self._signals,
                whom,
                server_id=self.policy.server_id,
                replica=self.attempts.holder,
                attempt=1,
                waited_s=since(authentic.request.ts_ms),
                trace=authentic.request.trace,
            ) as run:
                ended = await execute(
                    prepared,
                    self._context(prepared, authentic),
                    seconds_left=_seconds_left(authentic),
                    threads=self.attempts.threads,
                    processes=self.attempts.processes,
                )
                if ended.error is not None:
                    run.failed(ended.error.code)
        reply = reply_of(ended, prepared)
        status = Status.DONE if reply.error is None else Status.ERROR
        self._signals.settled(whom, status, None if reply.error is None else reply.error.code)
        await self._reply(authentic, reply)

    async def _claim(
        self, prepared: Prepared, meant: str, authentic: Authentic, token: str, hold: Hold
    ) -> None:
        """Claim the request, run it under the lease, and answer what was recorded (promise P4)."""
        async with self._place(prepared, authentic, hold) as placed:
            if not placed:
                return
            claimed = await self.attempts.store.claim(
                _new_record(prepared, meant, authentic, "call"),
                token=token,
                holder=self.attempts.holder,
                lease_ms=self.attempts.leases.lease_ms,
            )
            if isinstance(claimed, Record):
                await self._carry_out(again(claimed, meant), authentic, token, hold)
            else:
                await self._run_claimed(claimed.record, prepared, hold)

    async def _run_claimed(self, record: Record, prepared: Prepared, hold: Hold) -> None:
        reach("claim.committed")
        hold.needed = False
        ended = await self.attempts.run(record, prepared, tell=hold.answer_through_outbox)
        if ended is None or not ended.record.status.final:
            return  # taken over, or handed back: whoever runs it now answers
        if ended.messages:
            self.attempts.outbox.tell(ended.messages)
            return
        told = ended.record
        await self.answers.send(told.key, told.address, stored(told), told.deadline_ms)

    async def _accept(
        self, prepared: Prepared, meant: str, authentic: Authentic, token: str, hold: Hold
    ) -> None:
        """Record a job, see that somebody looks for it, and answer `accepted`."""
        accepted = await self.attempts.store.accept(
            _new_record(prepared, meant, authentic, "job"),
            holder=self.attempts.holder,
            lease_ms=self.attempts.leases.lease_ms,
        )
        if isinstance(accepted, Record):
            await self._carry_out(again(accepted, meant), authentic, token, hold)
            return
        reach("accept.committed")
        self._signals.accepted(Whom.of(accepted.record))
        self.runner.offer()  # first: sealing what is to be told takes longer than taking the job
        self.runner.expect(accepted.record)
        self.attempts.outbox.tell(accepted.messages)
        await self._reply(authentic, Reply(Status.ACCEPTED, {"job_id": accepted.record.job_id}))

    @asynccontextmanager
    async def _place(self, prepared: Prepared, authentic: Authentic, hold: Hold) -> AsyncGenerator[bool]:
        """One of the replica's places. False where none gets free in time, which the caller is told, or where
        the replica is stopping, so that another one has to take the request.
        """
        if not prepared.spec.takes_place:
            yield True
            return
        with self.meter.running(authentic.request.client_id):  # who waits for a place runs next
            if prepared.spec.run_in == "thread" and self.attempts.threads.full:
                await self._refuse(authentic, Code.OVERLOADED, "too many sync tools never came back")
                yield False
                return
            try:
                async with asyncio.timeout(PLACE_PATIENCE_S):
                    await self._places.acquire()
            except TimeoutError:
                await self._refuse(authentic, Code.OVERLOADED, "all places are taken")
                yield False
                return
            self.running += 1
            try:
                hold.declined = self._stopping
                yield not self._stopping
            finally:
                self.running -= 1
                self._places.release()

    def _context(self, prepared: Prepared, authentic: Authentic) -> tuple[ToolContext[Any], ...]:
        if not prepared.spec.takes_context:
            return ()
        request = authentic.request
        known: dict[str, Any] = {
            "client_id": request.client_id,
            "request_id": request.request_id,
            "tool": request.tool,
            "deadline_ms": request.deadline_ms,
            "trace": request.trace,
        }
        if prepared.spec.builtin:
            return (Caller(state=None, kid=authentic.key.kid, **known),)
        return (ToolContext(state=self.attempts.state, **known),)

    async def _refuse(self, authentic: Authentic, code: Code, message: str) -> None:
        self._signals.refused(_whom(authentic), code)
        await self._reply(authentic, refuse(code, message, retry_after_ms=TRY_AGAIN_MS).reply)

    async def _reply(self, authentic: Authentic, reply: Reply) -> None:
        await self.answers.send(_key(authentic), _address(authentic), reply, authentic.request.deadline_ms)


def _new_record(prepared: Prepared, meant: str, authentic: Authentic, kind: Kind) -> NewRecord:
    request = authentic.request
    return NewRecord(
        key=_key(authentic),
        kind=kind,
        meaning=meant,
        tool=request.tool,
        args=canonical(request.args),
        trace=None if request.trace is None else request.trace.model_dump_json(),
        address=_address(authentic),
        deadline_ms=request.deadline_ms,
        max_attempts=prepared.spec.max_attempts,
        needs=prepared.spec.needed(pinned=request.tool_rev is not None),
        priority=request.priority or 0,
        run_at_ms=request.run_at_ms,
        job_id=secrets.token_hex(16) if kind == "job" else None,
    )


def _key(authentic: Authentic) -> RecordKey:
    # The owner of the key, whatever `client_id` says: the refusal of a false one goes to who signed it.
    return RecordKey(authentic.key.owner, authentic.request.request_id)


def _whom(authentic: Authentic) -> Whom:
    return Whom(authentic.key.owner, authentic.request.request_id, authentic.request.tool)


def _address(authentic: Authentic) -> Address:
    return Address(authentic.request.reply_to, authentic.digest, authentic.key.kid, authentic.request.ts_ms)


def _seconds_left(authentic: Authentic) -> float:
    return authentic.request.deadline_ms / 1000 - time.time()
