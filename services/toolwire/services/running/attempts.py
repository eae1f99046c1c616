"""One attempt to run a claimed request: under its lease, from the tool's first line to its outcome."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from toolwire.client.clock import now_ms
from toolwire.contracts.envelopes import Trace
from toolwire.contracts.jobs import Status
from toolwire.services.asking.checkpoints import Checkpoint
from toolwire.services.asking.keeper import Keeper
from toolwire.services.asking.questions import Asking
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.failpoints import reach
from toolwire.services.processes.processes import Processes
from toolwire.services.requests.plans import Prepared
from toolwire.services.running.context import Caller, JobContext, ToolContext
from toolwire.services.running.end_flag import EndFlag
from toolwire.services.running.endings import Ended, cause_of, outcome_of, retry_delay
from toolwire.services.running.execute import execute
from toolwire.services.running.leases import Ending, Held, Leases
from toolwire.services.running.threads import ToolThreads
from toolwire.services.store.port import Changed, CommitUnknown, Outcome, Record, Store, StoreAway
from toolwire.services.telemetry.run import told_run, waited_s
from toolwire.services.telemetry.signals import Signals, Whom, tell_settled
from toolwire.services.telling.outbox import Outbox
from toolwire.services.telling.recording import Recording
from toolwire.services.telling.reporter import Reporter

log = logging.getLogger("toolwire.services")

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
    processes: Processes | None = None

    async def run(self, record: Record, prepared: Prepared, *, tell: Callable[[], bool]) -> Changed | None:
        """Run the tool for a record that this replica holds, and record how it ended.

        `tell` is asked when the outcome is written: whether a call's answer has to go through the outbox.
        None: the lease was lost, nothing was written, and somebody else decides (promise P10).
        """
        assert record.token is not None  # noqa: S101 - who runs a record holds it
        recording = Recording(self.store, self.outbox, record, self.holder, self.leases.lease_ms)
        with (
            self.leases.hold(record.token) as held,
            Reporter(recording, lambda: held.end(Ending.FENCED)) as reporter,
        ):
            context = self._context(record, prepared, reporter, held)
            ended = await self._execute(record, prepared, context, held)
            held.settling = True
            if held.ending is not None:
                if held.task.uncancel():
                    raise asyncio.CancelledError  # the replica waits no longer: the sweep settles this
                if isinstance(ended, Ended) and ended.error is not None:
                    ended = held.ending  # the tool made an error of its cancellation
            progress = None if ended is Ending.FENCED else await reporter.close()
            changed = await self._settle(record, prepared.spec, ended, progress, tell)
            reach("record.committed")
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
                    processes=self.processes,
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
        elif changed.record.status is Status.INPUT_REQUIRED:
            self.signals.parked(whom, record.attempt)
        else:
            delay_ms = max(0, changed.record.due_ms - changed.record.updated_ms)
            self.signals.retried(whom, record.attempt, delay_ms)

    def _context(self, record: Record, prepared: Prepared, reporter: Reporter, held: Held) -> tuple[Any, ...]:
        if not prepared.spec.takes_context:
            return ()
        known: dict[str, Any] = {
            "client_id": record.key.client_id,
            "request_id": record.key.request_id,
            "tool": record.tool,
            "deadline_ms": record.deadline_ms,
            "attempt": record.attempt,
            "trace": _trace(record),
        }
        if prepared.spec.builtin:
            return (Caller(state=None, kid=record.address.kid, **known),)
        known["state"] = self.state
        if record.job_id is None:
            return (ToolContext(**known),)
        of_job = self._of_job(record, prepared.spec, held)
        return (JobContext(**known, **of_job, report=reporter.report, emitting=reporter.emit),)

    def _of_job(self, record: Record, spec: ToolSpec, held: Held) -> dict[str, Any]:
        """What a job's tool has of its earlier attempts, and keeps for the next one."""
        end = EndFlag()
        keeper = Keeper(self.store, held.token, end, lost=lambda: held.end(Ending.FENCED))
        return {
            "job_id": record.job_id,
            "end": end,
            "asking": Asking([model.__name__ for model in spec.asks], record.answers),
            "saving": Checkpoint(record.checkpoint, keeper.keep),
        }

    async def _settle(
        self,
        record: Record,
        spec: ToolSpec,
        ended: Ended | Ending,
        progress: str | None,
        tell: Callable[[], bool],
    ) -> Changed | None:
        token = record.token
        assert token is not None  # noqa: S101 - who runs a record holds it
        if ended is Ending.FENCED:
            return None
        if isinstance(ended, Ended) and (question := ended.question) is not None:
            return await self._certainly(
                record,
                lambda _unknown: self.store.park(
                    token,
                    question.recorded(),
                    progress=progress,
                    holder=self.holder,
                    lease_ms=self.leases.lease_ms,
                ),
            )
        delay_ms = retry_delay(record, spec, ended, now_ms())
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

        return await self._certainly(record, finish, outcome)

    async def _certainly(
        self,
        record: Record,
        write: Callable[[bool], Awaitable[Changed | None]],
        outcome: Outcome | None = None,
    ) -> Changed | None:
        """Write until the store has taken it or the token is lost, however long the store is away.

        `write` is told whether an earlier try may have been written. `outcome` is what it writes, if that is
        how the record ends.
        """
        unknown = False
        tries = 0
        while True:
            try:
                changed = await write(unknown)
                if changed is None and unknown:
                    return await self._recorded(record, outcome)
            except StoreAway as error:
                unknown = unknown or isinstance(error, CommitUnknown)
                log.warning("the outcome of %s waits for the store: %s", record.tool, error)
                await asyncio.sleep(STORE_RETRY_S[min(tries, len(STORE_RETRY_S) - 1)])
                tries += 1
            else:
                return changed

    async def _recorded(self, record: Record, outcome: Outcome | None) -> Changed | None:
        """After an unknown commit: whether the end of this attempt is there after all, and not what somebody
        else made of it. The sweep sends its messages.
        """
        found = await self.store.find(record.key)
        if found is None or found.attempt != record.attempt:
            return None
        if outcome is None:
            there = found.status.final or found.status is Status.INPUT_REQUIRED
        else:
            written = (outcome.status, outcome.result, outcome.error)
            there = (found.status, found.result, found.error) == written
        return Changed(found) if there else None


def _trace(record: Record) -> Trace | None:
    return None if record.trace is None else Trace.model_validate_json(record.trace)
