"""An authentic request on its way through one replica."""

import secrets
import time

from toolwire.contracts.encoding import canonical
from toolwire.services.requests.authenticate import Authentic
from toolwire.services.requests.decide import Usage
from toolwire.services.requests.hold import Hold
from toolwire.services.requests.plans import Prepared
from toolwire.services.store.port import Address, Kind, NewRecord, RecordKey
from toolwire.services.telemetry.signals import Whom

STORE_PATIENCE_S = 8.0
"""How long a request waits for a store that is away, or that does not say what it knows of the request, until
the answer is `unavailable`."""


class Asked:
    """The request, what the broker holds of it, and what was found out so far."""

    def __init__(self, authentic: Authentic, hold: Hold, *, redelivered: bool) -> None:
        self.authentic = authentic
        self.request = authentic.request
        self.hold = hold
        self.redelivered = redelivered
        self.since = time.monotonic()
        self.usage: Usage | None = None
        """What the client uses, this request counted in: found out once, for a store that is away costs the
        client nothing."""
        self.counted = False
        """Whether it has taken something from its client's rate."""
        self.told_unavailable = False
        self.whom = Whom(authentic.key.owner, self.request.request_id, self.request.tool)
        """Whose it is, for the signals."""
        self._token: str | None = None

    @property
    def token(self) -> str:
        """The right to write the outcome, if the request is claimed from here."""
        if self._token is None:
            self._token = secrets.token_hex(16)
        return self._token

    @property
    def client_id(self) -> str:
        """The owner of the key, whatever the request says: who signs falsely is told so."""
        return self.authentic.key.owner

    @property
    def key(self) -> RecordKey:
        """What its record is known by."""
        return RecordKey(self.authentic.key.owner, self.request.request_id)

    @property
    def address(self) -> Address:
        """Where the answer to this attempt goes."""
        authentic, request = self.authentic, self.request
        return Address(request.reply_to, authentic.digest, authentic.key.kid, request.ts_ms)

    @property
    def seconds_left(self) -> float:
        """Until nobody waits for the answer any more."""
        return self.request.deadline_ms / 1000 - time.time()

    @property
    def patience_left(self) -> float:
        """How many seconds the request may still wait for the store."""
        return self.since + STORE_PATIENCE_S - time.monotonic()

    def record(self, prepared: Prepared, meant: str, kind: Kind) -> NewRecord:
        """What is to be claimed, or accepted."""
        request = self.request
        return NewRecord(
            key=self.key,
            kind=kind,
            meaning=meant,
            tool=request.tool,
            args=canonical(request.args),
            trace=None if request.trace is None else request.trace.model_dump_json(),
            address=self.address,
            deadline_ms=request.deadline_ms,
            max_attempts=prepared.spec.max_attempts,
            needs=prepared.spec.needed(pinned=request.tool_rev is not None),
            priority=request.priority or 0,
            run_at_ms=request.run_at_ms,
            job_id=secrets.token_hex(16) if kind == "job" else None,
        )
