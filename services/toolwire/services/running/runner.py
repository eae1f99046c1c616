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
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.failpoints import reach
from toolwire.services.requests.plans import Prepared, prepare_arguments
from toolwire.services.running.attempts import Attempts
from toolwire.services.running.tasks import Tasks
from toolwire.services.store.port import Changed, CommitUnknown, Outcome, Record, StoreAway
from toolwire.services.telemetry.signals import tell_settled
from toolwire.services.telling.post import Post

log = logging.getLogger("toolwire.services")

DUE_S = 0.002
"""What a timer may be ahead of the store's clock."""
LOOK_S = 1.0
"""How long a free slot waits for a hint before it looks by itself."""
HINT_EVERY_S = 0.05
"""How often other replicas are told that work waits here: one hint says as much as a thousand."""


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
    _needs: tuple[str, ...] = field(init=False)
    """Of all tools that run from a record; below, of those that need no thread."""
    _needs_without_threads: tuple[str, ...] = field(init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _in_doubt: list[str] = field(default_factory=list[str])
    """Tokens of takes that the store was lost over."""
    _found_in_a_row: int = field(default=0, init=False)
    """How many looks have found something since the last one that has not."""
    _hint: asyncio.Task[None] | None = field(default=None, init=False)
    _hint_wanted: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.slots)
        recorded = [spec for spec in self.tools.values() if spec.recorded]
        self._needs = tuple(need for spec in recorded for need in spec.meets)
        self._needs_without_threads = tuple(
            need for spec in recorded if spec.run_in != "thread" for need in spec.meets
        )

    def wake(self) -> None:
        """There may be work: look now."""
        self._wake.set()

    def expect(self, record: Record) -> None:
        """Look when a record falls due that waits, if that is sooner than the next look anyway."""
        wait_s = (record.due_ms - record.updated_ms) / 1000
        if record.status is Status.ACCEPTED and 0 < wait_s < LOOK_S:
            asyncio.get_running_loop().call_later(wait_s + DUE_S, self.wake)

    def offer(self) -> None:
        """There is work: look here where a slot is free, or else let another replica know."""
        self.wake()
        if self._free.locked():
            self._hint_wanted = True
            if self._hint is None or self._hint.done():
                self._hint = self.tasks.start(self._hint_others(), "hint")

    async def _hint_others(self) -> None:
        """Tell others, and once more where work has come meanwhile."""
        while self._hint_wanted:
            self._hint_wanted = False
            await self.post.hint()
            await asyncio.sleep(HINT_EVERY_S)

    async def work(self) -> None:
        """Take and run, for ever.

        The more looks have found something, the more free slots look at the same time: their takes share a
        transaction. So a backlog is drained by all slots at once, and a single job costs one look too many.
        """
        looking: set[asyncio.Task[None]] = set()
        while True:
            await self._free.acquire()
            # A task of its own: the store finishes a take whose taker was cancelled, and what was taken must
            # be run or handed back.
            looking = {look for look in looking if not look.done()}
            looking.add(self.tasks.start(self._fill_slot(), "take"))
            if len(looking) >= self._found_in_a_row:
                await asyncio.wait(looking, return_when=asyncio.FIRST_COMPLETED)
                if not self._found_in_a_row:
                    await self._rest()

    async def _fill_slot(self) -> None:
        """Start the best runnable record, if there is one, in the slot that was acquired."""
        taken = None
        try:
            taken = await self._take()
        finally:
            if taken is None:
                self._found_in_a_row = 0
                self._free.release()
        if taken is not None:
            self._found_in_a_row += 1
            self.wake()  # there may be more: another look may have found nothing and rest by now
            self.tasks.start(self._run_in_slot(taken), f"job {taken.record.job_id}")

    async def _take(self) -> Changed | None:
        attempts = self.attempts
        self._wake.clear()  # before looking: a hint that comes while we look is not lost
        token = secrets.token_hex(16)
        try:
            await self._hand_back()
            return await attempts.store.take(
                self._needs_without_threads if attempts.threads.full else self._needs,
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
        while self._in_doubt:
            token = self._in_doubt.pop()  # from now on, no other look clears up after this one
            try:
                await self._hand_one_back(token)
            except BaseException:
                self._in_doubt.append(token)
                raise

    async def _hand_one_back(self, token: str) -> None:
        attempts = self.attempts
        changed = await attempts.store.retry(
            token, delay_ms=0, holder=attempts.holder, lease_ms=attempts.leases.lease_ms
        )
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
        reach("take.committed")
        self.attempts.outbox.tell(taken.messages)
        record = taken.record
        try:
            prepared = prepare(record, self.tools)
        except ValidationError as error:
            changed = await self._give_up(record, error)
        else:
            changed = await self.attempts.run(record, prepared, tell=lambda: True)
        if changed is not None:
            self.expect(changed.record)
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
    return prepare_arguments(tools[record.tool], json.loads(record.args))
