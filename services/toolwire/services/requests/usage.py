"""What each client uses of this replica: its rate, its running calls, the nonces of its requests."""

from collections import Counter, OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from toolwire.contracts.registry import ClientEntry
from toolwire.services.requests.decide import Usage

REMEMBERED_NONCES = 100_000
BURST_SECONDS = 2.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class UsageMeter:
    """Counts per client. A limit protects this replica; every replica keeps its own."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()
        self._buckets: dict[str, _Bucket] = {}
        self._nonces: OrderedDict[tuple[str, str], None] = OrderedDict()

    def look(
        self, client_id: str, nonce: str, client: ClientEntry | None, *, redelivered: bool, now: float
    ) -> Usage:
        """The usage of the client that signed, this request counted in. `now` is monotonic, in seconds.

        A request whose nonce is repeated is not counted: anybody can repeat it, and nothing runs for it.
        """
        rate = None if client is None else client.rate
        nonce_seen = self._seen(client_id, nonce) and not redelivered
        return Usage(
            running=self.count(client_id),
            wait_ms=0 if rate is None or nonce_seen else self._spend(client_id, rate, now),
            nonce_seen=nonce_seen,
        )

    def count(self, client_id: str) -> int:
        """How many calls of this client run now."""
        return self._running[client_id]

    @contextmanager
    def running(self, client_id: str) -> Generator[None]:
        """Count a call of this client as running."""
        self._running[client_id] += 1
        try:
            yield
        finally:
            self._running[client_id] -= 1
            if not self._running[client_id]:
                del self._running[client_id]

    def _spend(self, client_id: str, rate: float, now: float) -> int:
        """Take a token from the client's bucket; how many milliseconds to wait where there is none."""
        burst = max(1.0, rate * BURST_SECONDS)
        bucket = self._buckets.setdefault(client_id, _Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens < 1:
            return max(1, round((1 - bucket.tokens) / rate * 1000))
        bucket.tokens -= 1
        return 0

    def _seen(self, client_id: str, nonce: str) -> bool:
        key = (client_id, nonce)
        if key in self._nonces:
            return True
        self._nonces[key] = None
        if len(self._nonces) > REMEMBERED_NONCES:
            self._nonces.popitem(last=False)
        return False
