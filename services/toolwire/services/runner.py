"""Take and run: whenever a slot is free, the best runnable record of the store."""

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from toolwire.contracts.jobs import Status
from toolwire.contracts.tools import invalid_arguments
from toolwire.services.attempts import Attempts
from toolwire.services.plans import Prepared
from toolwire.services.post import Post
from toolwire.services.store.port import Changed, CommitUnknown, Outcome, Record, StoreAway
from toolwire.services.tasks import Tasks
from toolwire.services.telemetry.signals import tell_settled
from toolwire.services.tools import ToolSpec

log = logging.getLogger("toolwire.services")

LOOK_S = 1.0
"""How long a free slot waits for a hint before it looks by itself."""


@dataclass(slots=True)
class Runner:
    """The job slots of one replica."""

    attempts: Attempts
    tools: Mapping[str, ToolSpec]
    tasks: Tasks
    post: Post
    slots: int
    running: int = field(default=0, init=False)
    """How many slots are taken by what runs."""
    _free: asyncio.Semaphore = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _in_doubt: list[str] = field(default_factory=list[str])
    """Tokens of takes that the store was lost over."""

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.slots)

    def wake(self) -> None:
        """There may be work: look now."""
        self._wake.set()

    def offer(self) -> None:
        """There is work: look here where a slot is free, or else let another replica know."""
        self.wake()
        if self._free.locked():
            self.tasks.start(self.post.hint(), "hint")

    async def work(self) -> None:
        """Take and run, for ever."""
        while True:
            await self._free.acquire()
            # A task of its own: the store finishes a take whose taker was cancelled, and what was taken must
            # be run or handed back.
            if not await asyncio.shield(self.tasks.start(self._fill_slot(), "take")):
                await self._rest()

    async def _fill_slot(self) -> bool:
        """Start the best runnable record in the slot that was acquired. Whether there was one."""
        taken = None
        try:
            taken = await self._take()
        finally:
            if taken is None:
                self._free.release()
        if taken is not None:
            self.tasks.start(self._run_in_slot(taken), f"job {taken.record.job_id}")
        return taken is not None

    def _can_run(self, spec: ToolSpec) -> bool:
        return spec.is_async or not self.attempts.threads.full

    async def _take(self) -> Changed | None:
        attempts = self.attempts
        self._wake.clear()  # before looking: a hint that comes while we look is not lost
        token = secrets.token_hex(16)
        try:
            await self._hand_back()
            return await attempts.store.take(
                [spec.name for spec in self.tools.values() if spec.recorded and self._can_run(spec)],
                token=token,
                holder=attempts.holder,
                lease_ms=attempts.leases.lease_ms,
                kinds=("call", "job"),
            )
        except CommitUnknown as error:
            log.warning("whether a job was taken is not known: %s", error)
            self._in_doubt.append(token)
            return None
        except StoreAway as error:
            log.warning("no job can be taken, the store is away: %s", error)
            return None

    async def _hand_back(self) -> None:
        """Give back what takes of unknown outcome have taken after all: nobody runs it."""
        attempts = self.attempts
        while self._in_doubt:
            changed = await attempts.store.retry(
                self._in_doubt[0], delay_ms=0, holder=attempts.holder, lease_ms=attempts.leases.lease_ms
            )
            self._in_doubt.pop(0)
            if changed is not None:
                attempts.outbox.tell(changed.messages)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _run_in_slot(self, taken: Changed) -> None:
        self.running += 1
        try:
            await self.run(taken)
        finally:
            self.running -= 1
            self._free.release()

    async def run(self, taken: Changed) -> None:
        """Run a record that was just taken, and tell how it ended."""
        self.attempts.outbox.tell(taken.messages)
        record = taken.record
        try:
            prepared = prepare(record, self.tools)
        except ValidationError as error:
            changed = await self._give_up(record, error)
        else:
            changed = await self.attempts.run(record, prepared, tell=lambda: True)
        if changed is not None:
            self.attempts.outbox.tell(changed.messages)

    async def _give_up(self, record: Record, error: ValidationError) -> Changed | None:
        """The arguments were accepted by another release of the tool, and do not fit this one."""
        attempts = self.attempts
        outcome = Outcome(Status.ERROR, error=invalid_arguments(record.tool, error).model_dump_json())
        assert record.token is not None  # noqa: S101 - it was just taken
        changed = await attempts.store.finish(
            record.token,
            outcome,
            progress=None,
            tell=True,
            holder=attempts.holder,
            lease_ms=attempts.leases.lease_ms,
        )
        if changed is not None:
            tell_settled(attempts.signals, changed.record)
        return changed


def prepare(record: Record, tools: Mapping[str, ToolSpec]) -> Prepared:
    """The tool and arguments of a record. pydantic's `ValidationError` where they do not fit this release."""
    spec = tools[record.tool]
    args, kwargs = spec.signature.decode(json.loads(record.args))
    return Prepared(spec, args, kwargs)
