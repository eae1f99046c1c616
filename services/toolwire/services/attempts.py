"""One attempt to run a claimed request: under its lease, from the tool's first line to its outcome."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from toolwire.contracts.envelopes import Trace
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.history import Why
from toolwire.contracts.jobs import Status
from toolwire.services.context import JobContext, ToolContext
from toolwire.services.execute import Ended, cancelled, execute, interrupted
from toolwire.services.leases import Ending, Held, Leases
from toolwire.services.outbox import Outbox
from toolwire.services.plans import Prepared
from toolwire.services.reporter import Reporter
from toolwire.services.store.port import Cause, Changed, CommitUnknown, Outcome, Record, Store, StoreAway
from toolwire.services.telemetry.run import told_run, waited_s
from toolwire.services.telemetry.signals import Signals, Whom, tell_settled
from toolwire.services.threads import ToolThreads

log = logging.getLogger("toolwire.services")

FIRST_RETRY_MS = 1_000
LONGEST_RETRY_MS = 60_000
STORE_RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(slots=True)
class Attempts:
    """Runs tools for this replica."""

    store: Store
    outbox: Outbox
    leases: Leases
    threads: ToolThreads
    state: Any
    holder: str
    server_id: str
    signals: Signals

    async def run(self, record: Record, prepared: Prepared, *, tell: Callable[[], bool]) -> Changed | None:
        """Run the tool for a record that this replica holds, and record how it ended.

        `tell` is asked when the outcome is written: whether a call's answer has to go through the outbox.
        None: the lease was lost, nothing was written, and somebody else decides (promise P10).
        """
        assert record.token is not None  # noqa: S101 - who runs a record holds it
        reporting = Reporter(
            self.store, self.outbox, token=record.token, holder=self.holder, lease_ms=self.leases.lease_ms
        )
        with reporting as reporter, self.leases.hold(record.token) as held:
            ended = await self._execute(record, prepared, self._context(record, prepared, reporter), held)
            held.settling = True
            if held.ending is not None:
                if held.task.uncancel():
                    raise asyncio.CancelledError  # the replica waits no longer: the sweep settles this
                if isinstance(ended, Ended) and ended.error is not None:
                    ended = held.ending  # the tool made an error of its cancellation
            progress = await reporter.close()
            changed = await self._settle(record, ended, progress, tell)
            self._signal(record, changed)
            return changed

    async def _execute(
        self, record: Record, prepared: Prepared, context: tuple[Any, ...], held: Held
    ) -> Ended | Ending:
        """Run the tool until it ends or is ended."""
        trace = _trace(record)
        with told_run(
            self.signals,
            Whom.of(record),
            server_id=self.server_id,
            replica=self.holder,
            attempt=record.attempt,
            waited_s=waited_s(record),
            trace=trace,
        ) as run:
            try:
                ended = await execute(
                    prepared,
                    context,
                    seconds_left=record.deadline_ms / 1000 - time.time(),
                    threads=self.threads,
                )
            except asyncio.CancelledError:
                if held.ending is None:
                    raise
                run.failed(held.ending)
                return held.ending
            if ended.error is not None:
                run.failed(ended.error.code)
            return ended

    def _signal(self, record: Record, changed: Changed | None) -> None:
        whom = Whom.of(record)
        if changed is None:
            self.signals.lease_lost(whom)
        elif changed.record.status.final:
            tell_settled(self.signals, changed.record)
        else:
            delay_ms = max(0, changed.record.due_ms - changed.record.updated_ms)
            self.signals.retried(whom, record.attempt, delay_ms)

    def _context(self, record: Record, prepared: Prepared, reporter: Reporter) -> tuple[Any, ...]:
        if not prepared.spec.takes_context:
            return ()
        known: dict[str, Any] = {
            "state": self.state,
            "client_id": record.key.client_id,
            "request_id": record.key.request_id,
            "tool": record.tool,
            "deadline_ms": record.deadline_ms,
            "attempt": record.attempt,
            "trace": _trace(record),
        }
        if record.job_id is None:
            return (ToolContext(**known),)
        return (JobContext(**known, job_id=record.job_id, report=reporter.report),)

    async def _settle(
        self, record: Record, ended: Ended | Ending, progress: str | None, tell: Callable[[], bool]
    ) -> Changed | None:
        token = record.token
        assert token is not None  # noqa: S101 - who runs a record holds it
        if ended is Ending.FENCED:
            return None
        delay_ms = retry_delay(record, ended)
        if delay_ms is not None:
            return await self._certainly(
                record,
                lambda _unknown: self.store.retry(
                    token,
                    delay_ms=delay_ms,
                    holder=self.holder,
                    lease_ms=self.leases.lease_ms,
                    cause=cause_of(ended),
                ),
            )
        outcome = outcome_of(ended)
        through_outbox = False

        def finish(unknown: bool) -> Awaitable[Changed | None]:
            nonlocal through_outbox
            if not unknown:
                through_outbox = tell()  # what may have been written already is not decided anew
            return self.store.finish(
                token,
                outcome,
                progress=progress,
                tell=through_outbox,
                holder=self.holder,
                lease_ms=self.leases.lease_ms,
            )

        return await self._certainly(record, finish)

    async def _certainly(
        self, record: Record, write: Callable[[bool], Awaitable[Changed | None]]
    ) -> Changed | None:
        """Write until the store has taken it or the token is lost, however long the store is away.

        `write` is told whether an earlier try may have been written.
        """
        unknown = False
        tries = 0
        while True:
            try:
                changed = await write(unknown)
                if changed is None and unknown:
                    return await self._recorded(record)
            except StoreAway as error:
                unknown = unknown or isinstance(error, CommitUnknown)
                log.warning("the outcome of %s waits for the store: %s", record.tool, error)
                await asyncio.sleep(STORE_RETRY_S[min(tries, len(STORE_RETRY_S) - 1)])
                tries += 1
            else:
                return changed

    async def _recorded(self, record: Record) -> Changed | None:
        """After an unknown commit: whether the outcome is there after all. The sweep sends its messages."""
        found = await self.store.find(record.key)
        return Changed(found) if found is not None and found.status.final else None


def _trace(record: Record) -> Trace | None:
    return None if record.trace is None else Trace.model_validate_json(record.trace)


def retry_delay(record: Record, ended: Ended | Ending) -> int | None:
    """How long until the next attempt, in milliseconds; None where this was the last.

    Only what broke or was interrupted is tried again, and only where the tool declares that it may run twice.
    """
    if record.attempt >= record.max_attempts:
        return None
    if ended is Ending.DRAINING:
        return 0
    if (
        record.kind == "job"
        and isinstance(ended, Ended)
        and ended.error
        and ended.error.code is Code.INTERNAL
    ):
        longest = min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (record.attempt - 1))
        return random.randint(longest // 2, longest)  # noqa: S311 - jitter, not a secret
    return None


def outcome_of(ended: Ended | Ending) -> Outcome:
    """What is recorded of an attempt that was the last."""
    if ended is Ending.CANCELLED:
        return Outcome(Status.CANCELLED, error=cancelled().model_dump_json())
    if isinstance(ended, Ending):
        return Outcome(Status.ERROR, error=interrupted().model_dump_json(), cause=cause_of(ended))
    if ended.error is not None:
        return Outcome(Status.ERROR, error=ended.error.model_dump_json(), cause=cause_of(ended))
    return Outcome(Status.DONE, result=ended.result)


def cause_of(ended: Ended | Ending) -> Cause | None:
    """Why an attempt ended without a result, where its tool did not say so itself."""
    if ended is Ending.DRAINING:
        return Cause(Why.DRAINED)
    if isinstance(ended, Ending) or ended.error is None:
        return None
    why = _CAUSES.get(ended.error.code)
    return None if why is None else Cause(why, _error_id(ended.error))


_CAUSES = {
    Code.INTERNAL: Why.BROKE,
    Code.RESULT_INVALID: Why.BROKE,
    Code.DEADLINE_EXCEEDED: Why.DEADLINE,
}


def _error_id(error: WireError) -> str | None:
    found = (error.data or {}).get("error_id")
    return found if isinstance(found, str) else None
