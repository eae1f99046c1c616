"""The sweep: what crashed replicas, passed deadlines and an absent broker left behind is put right."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from toolwire.services.running.coded_errors import deadline_exceeded, interrupted
from toolwire.services.running.runner import Runner
from toolwire.services.store.port import Record, Store, StoreAway
from toolwire.services.telemetry.signals import Signals, Whom, tell_settled
from toolwire.services.telling.outbox import Outbox

log = logging.getLogger("toolwire.services")

STEP = 100
"""How many rows one step touches at the most."""
LONGEST_PAUSE_S = 1.0
BREATH_S = 0.01
"""Between the steps of a long backlog: others want the store as well."""
JUMP_MS = 1_000
"""How far the wall clock may move against the monotonic one before it counts as a jump."""


@dataclass(slots=True)
class Sweep:
    """One replica sweeps at a time; the others stand by."""

    store: Store
    outbox: Outbox
    runner: Runner
    signals: Signals
    holder: str
    lease_ms: int
    result_ttl_ms: int
    skew_ms: int
    _patient_until: float = 0.0
    _offset_ms: float = field(default_factory=lambda: time.time() * 1000 - time.monotonic() * 1000)

    async def work(self) -> None:
        """Sweep, for ever."""
        self._be_patient()
        while True:
            more = False
            try:
                more = await self.once()
            except StoreAway as error:
                log.warning("no sweep, the store is away: %s", error)
                self._be_patient()
            await asyncio.sleep(BREATH_S if more else min(LONGEST_PAUSE_S, self.lease_ms / 3000))

    async def once(self) -> bool:
        """One round, if it is this replica's turn. Whether there is more to put right at once."""
        asked = time.monotonic()
        if not await self.store.lead("sweep", holder=self.holder, lease_ms=self.lease_ms):
            return False
        if time.monotonic() - asked > self.lease_ms / 3000:
            log.warning("the store kept everybody waiting; nothing is taken over for one lease")
            self._be_patient()
        self._watch_clock()
        patient = time.monotonic() < self._patient_until
        # Asked for together, they share a transaction: an idle replica costs two thirds of what it would.
        steps = await asyncio.gather(
            *(() if patient else (self._settle_lost(),)),
            self._settle_expired(),
            self._take_unsent(),
            self.store.forget(result_ttl_ms=self.result_ttl_ms, skew_ms=self.skew_ms, limit=STEP),
            return_exceptions=True,
        )
        return max(map(_counted, steps)) >= STEP

    async def _take_unsent(self) -> int:
        """Take over what nobody sent in time; none counts while the broker does not take what was found."""
        sending = self.outbox.waiting < STEP
        found = await self.store.unsent(holder=self.holder, lease_ms=self.lease_ms, limit=STEP)
        self.outbox.tell(found)
        return len(found) if sending else 0

    async def _settle_expired(self) -> int:
        expired = await self.store.settle_expired(
            expired=deadline_exceeded().model_dump_json(),
            holder=self.holder,
            lease_ms=self.lease_ms,
            limit=STEP,
        )
        for changed in expired:
            tell_settled(self.signals, changed.record)
            self.outbox.tell(changed.messages)
        return len(expired)

    async def _settle_lost(self) -> int:
        lost = await self.store.settle_lost(
            interrupted=interrupted().model_dump_json(),
            holder=self.holder,
            lease_ms=self.lease_ms,
            limit=STEP,
        )
        for changed in lost:
            self._signal_lost(changed.record)
            self.outbox.tell(changed.messages)
            self.runner.wake()
        return len(lost)

    def _signal_lost(self, record: Record) -> None:
        self.signals.taken_over(Whom.of(record), record.status)
        if record.status.final:
            tell_settled(self.signals, record)

    def _watch_clock(self) -> None:
        """A jump of the clock makes leases look older than they are: their holders get one lease to renew."""
        offset_ms = time.time() * 1000 - time.monotonic() * 1000
        if abs(offset_ms - self._offset_ms) > JUMP_MS:
            log.warning(
                "the clock jumped by %d ms; nothing is taken over for one lease", offset_ms - self._offset_ms
            )
            self._be_patient()
        self._offset_ms = offset_ms

    def _be_patient(self) -> None:
        """After an outage every holder's lease looks run out: give each the time to renew it."""
        self._patient_until = time.monotonic() + self.lease_ms / 1000


def _counted(step: int | BaseException) -> int:
    """How many rows it touched. Raises what it raised."""
    if isinstance(step, BaseException):
        raise step
    return step
