"""The port on SQLAlchemy Core: each method is one unit for the store's thread."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine

from toolwire.contracts.errors import ConfigurationError
from toolwire.contracts.history import HistoryEntry
from toolwire.contracts.jobs import Status
from toolwire.services.store import (
    attempts,
    claims,
    counts,
    history,
    jobs,
    outbox,
    output,
    questions,
    sweep,
)
from toolwire.services.store.losses import is_refused
from toolwire.services.store.port import (
    Address,
    Cause,
    Changed,
    Counts,
    Kind,
    Lease,
    Message,
    NewRecord,
    Outcome,
    Outputs,
    Record,
    RecordKey,
    Store,
    StoreAway,
)
from toolwire.services.store.rows import Unit
from toolwire.services.store.sharing import Joint
from toolwire.services.store.take import Slot, take_all
from toolwire.services.store.thread import GroupCommit
from toolwire.services.store.upgrade import THIS_RELEASE, Release, prepare

A = TypeVar("A")
T = TypeVar("T")

OPEN_WITHIN_S = 30.0
AGAIN_S = 0.25
LONG_WAIT_MS = 100
"""A unit that waits for so long waits for more than its turn: somebody keeps the store from all others."""


class SqlStore(Store):
    """The store of one server in one database."""

    def __init__(self, engine: Engine, server_id: str, release: Release = THIS_RELEASE) -> None:
        self._engine = engine
        self._server_id = server_id
        self._release = release
        self._thread: GroupCommit | None = None

    async def __aenter__(self) -> "SqlStore":
        """Open, create what is missing. Raises `ConfigurationError` for a newer schema, a foreign file, and
        where the database does not let us in.
        """
        self._thread = GroupCommit(self._engine)
        try:
            await self._prepare(self._thread)
        except BaseException:
            await self._thread.close()
            raise
        return self

    async def _prepare(self, thread: GroupCommit) -> None:
        """Create what is missing. Nobody waits for an answer yet: there is more patience than later on."""
        patient_until = time.monotonic() + OPEN_WITHIN_S
        while True:
            try:
                await thread.run(lambda connection, _now_ms: prepare(connection, self._release))
            except StoreAway as away:
                if is_refused(away):
                    raise ConfigurationError(f"the store's database refuses this replica: {away}") from away
                if time.monotonic() > patient_until:
                    raise
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def __aexit__(self, *exc: object) -> None:
        """Finish what waits, and close."""
        if self._thread is not None:
            await self._thread.close()

    async def _run(self, work: Callable[[Unit], T]) -> T:
        if self._thread is None:
            raise StoreAway("the store is not open: use it inside `async with`")
        asked = time.monotonic()
        return await self._thread.run(lambda connection, now_ms: work(self._unit(connection, now_ms, asked)))

    async def _run_together(
        self, carry: Callable[[Unit, Sequence[A]], Sequence[T]], asked: A, *texts: str | None
    ) -> T:
        """Run a unit that shares its statements with others of its kind that wait. `texts`: those of what is
        asked that may be long.
        """
        if self._thread is None:
            raise StoreAway("the store is not open: use it inside `async with`")

        def carried(connection: Connection, now_ms: int, all_asked: Sequence[A]) -> Sequence[T]:
            return carry(Unit(connection, self._server_id, now_ms, now_ms), all_asked)

        characters = sum(len(text) for text in texts if text is not None)
        return await self._thread.run(Joint(carry, carried, asked, characters))

    def _unit(self, connection: Connection, now_ms: int, asked: float) -> Unit:
        waited_ms = round((time.monotonic() - asked) * 1000)
        asked_ms = now_ms if waited_ms < LONG_WAIT_MS else now_ms - waited_ms
        return Unit(connection, self._server_id, now_ms, asked_ms)

    # --- claims ---

    async def find(self, key: RecordKey) -> Record | None:
        return await self._run(lambda unit: claims.find(unit, key))

    async def claim(self, new: NewRecord, *, token: str, holder: str, lease_ms: int) -> Changed | Record:
        return await self._run_together(
            claims.insert_all, claims.Birth(new, token, holder, lease_ms), new.args
        )

    async def accept(self, new: NewRecord, *, holder: str, lease_ms: int) -> Changed | Record:
        return await self._run_together(
            claims.insert_all, claims.Birth(new, None, holder, lease_ms), new.args
        )

    async def readdress(self, key: RecordKey, address: Address, *, deadline_ms: int) -> Record | None:
        return await self._run(lambda unit: claims.readdress(unit, key, address, deadline_ms=deadline_ms))

    # --- attempts ---

    async def take(
        self, needs: Collection[str], *, token: str, holder: str, lease_ms: int, kinds: Collection[Kind]
    ) -> Changed | None:
        slot = Slot(tuple(needs), tuple(kinds), token, holder, lease_ms)
        return await self._run_together(take_all, slot)

    async def renew(self, tokens: Collection[str], *, lease_ms: int) -> Mapping[str, Lease]:
        return await self._run(lambda unit: attempts.renew(unit, tokens, lease_ms=lease_ms))

    async def progress(self, token: str, progress: str, *, holder: str, lease_ms: int) -> Changed | None:
        return await self._run(
            lambda unit: attempts.progress(unit, token, progress, holder=holder, lease_ms=lease_ms)
        )

    async def finish(
        self, token: str, outcome: Outcome, *, progress: str | None, tell: bool, holder: str, lease_ms: int
    ) -> Changed | None:
        end = attempts.Finish(token, outcome, progress, tell, holder, lease_ms)
        return await self._run_together(attempts.finish_all, end, outcome.result, outcome.error)

    async def retry(
        self, token: str, *, delay_ms: int, holder: str, lease_ms: int, cause: Cause | None = None
    ) -> Changed | None:
        return await self._run(
            lambda unit: attempts.retry(
                unit, token, delay_ms=delay_ms, holder=holder, lease_ms=lease_ms, cause=cause
            )
        )

    async def emit(
        self, token: str, pieces: str, *, after: int, holder: str, lease_ms: int
    ) -> Changed | None:
        return await self._run(
            lambda unit: output.emit(unit, token, pieces, after=after, holder=holder, lease_ms=lease_ms)
        )

    async def save(self, token: str, checkpoint: str) -> bool:
        return await self._run(lambda unit: questions.save(unit, token, checkpoint))

    async def park(
        self, token: str, question: str, *, progress: str | None, holder: str, lease_ms: int
    ) -> Changed | None:
        return await self._run(
            lambda unit: questions.park(
                unit, token, question, how_far=progress, holder=holder, lease_ms=lease_ms
            )
        )

    # --- a client's jobs ---

    async def answer(
        self,
        client_id: str,
        job_id: str,
        key: str,
        answer: str,
        *,
        asked: str,
        holder: str,
        lease_ms: int,
    ) -> Changed | Record | None:
        return await self._run(
            lambda unit: questions.answer(
                unit, client_id, job_id, key, answer, asked=asked, holder=holder, lease_ms=lease_ms
            )
        )

    async def cancel(
        self, client_id: str, job_id: str, error: str, *, holder: str, lease_ms: int
    ) -> Changed | None:
        return await self._run(
            lambda unit: jobs.cancel(unit, client_id, job_id, error, holder=holder, lease_ms=lease_ms)
        )

    async def job(self, client_id: str, job_id: str) -> Record | None:
        return await self._run(lambda unit: jobs.job(unit, client_id, job_id))

    async def history(self, client_id: str, job_id: str) -> Sequence[HistoryEntry]:
        return await self._run(lambda unit: history.history_of(unit, client_id, job_id))

    async def outputs(
        self, client_id: str, job_id: str, *, after: int, limit: int, most_bytes: int
    ) -> Outputs | None:
        return await self._run(
            lambda unit: output.outputs(
                unit, client_id, job_id, after=after, limit=limit, most_bytes=most_bytes
            )
        )

    async def jobs(
        self, client_id: str, *, statuses: Collection[Status], limit: int, before: str | None
    ) -> Sequence[Record]:
        return await self._run(
            lambda unit: jobs.jobs(unit, client_id, statuses=statuses, limit=limit, before=before)
        )

    # --- the outbox ---

    async def sent(self, numbers: Collection[int]) -> None:
        await self._run_together(outbox.sent_all, list(numbers))

    async def unsent(self, *, holder: str, lease_ms: int, limit: int) -> Sequence[Message]:
        return await self._run(
            lambda unit: outbox.unsent(unit, holder=holder, lease_ms=lease_ms, limit=limit)
        )

    # --- the sweep ---

    async def lead(self, role: str, *, holder: str, lease_ms: int) -> bool:
        return await self._run(lambda unit: sweep.lead(unit, role, holder=holder, lease_ms=lease_ms))

    async def settle_lost(
        self, *, interrupted: str, holder: str, lease_ms: int, limit: int
    ) -> Sequence[Changed]:
        return await self._run(
            lambda unit: sweep.settle_lost(
                unit, interrupted=interrupted, holder=holder, lease_ms=lease_ms, limit=limit
            )
        )

    async def settle_expired(
        self, *, expired: str, holder: str, lease_ms: int, limit: int
    ) -> Sequence[Changed]:
        return await self._run(
            lambda unit: sweep.settle_expired(
                unit, expired=expired, holder=holder, lease_ms=lease_ms, limit=limit
            )
        )

    async def forget(self, *, result_ttl_ms: int, skew_ms: int, limit: int) -> int:
        return await self._run(
            lambda unit: sweep.forget(unit, result_ttl_ms=result_ttl_ms, skew_ms=skew_ms, limit=limit)
        )

    async def counts(self) -> Counts:
        return await self._run(counts.counts)

    async def running(self, holder: str) -> int:
        return await self._run(lambda unit: sweep.running(unit, holder))
