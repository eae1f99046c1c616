"""The events of one attempt on their way into the store, under its token."""

from dataclasses import dataclass, field

from toolwire.contracts.snapshots import Progress
from toolwire.services.store.port import Changed, Record, Store
from toolwire.services.telling.outbox import Outbox


@dataclass(slots=True)
class Recording:
    """Records what one attempt tells. Nobody else makes events of its job while the token holds.

    `record` is as it was taken. Raises what the store raises; then the same can be given again.
    """

    store: Store
    outbox: Outbox
    record: Record
    holder: str
    lease_ms: int
    lost: bool = field(default=False, init=False)
    """The token is: somebody else decides now, and nothing more is written."""
    _token: str = field(init=False)
    _seq: int = field(init=False)

    def __post_init__(self) -> None:
        assert self.record.token is not None  # noqa: S101 - who runs a record holds it
        self._token, self._seq = self.record.token, self.record.seq

    async def progress(self, progress: Progress) -> None:
        """Record how far the job is."""
        changed = await self.store.progress(
            self._token, progress.model_dump_json(), holder=self.holder, lease_ms=self.lease_ms
        )
        self.lost = not self._told(changed)

    async def output(self, pieces: str) -> None:
        """Record pieces of output, a JSON array: once, also where an earlier try may have been recorded."""
        while not self.lost:
            changed = await self.store.emit(
                self._token, pieces, after=self._seq, holder=self.holder, lease_ms=self.lease_ms
            )
            if self._told(changed) or await self._is_there():
                return

    def _told(self, changed: Changed | None) -> bool:
        if changed is None:
            return False
        self._seq = changed.record.seq
        self.outbox.tell(changed.messages)
        return True

    async def _is_there(self) -> bool:
        """Something came behind the last event that is known of: a lost commit went through, or the token is
        gone. Whether it was the output; the sweep tells of it then.
        """
        found = await self.store.find(self.record.key)
        if found is None or found.token != self._token:
            self.lost = True
            return False
        put = await self.store.outputs(
            self.record.key.client_id, self.record.job_id or "", after=self._seq, limit=1, most_bytes=0
        )
        self._seq = found.seq
        return put is not None and put.emitted != ()
