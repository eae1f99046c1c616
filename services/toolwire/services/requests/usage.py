"""What each client uses of this replica: its rate, its running calls, the nonces of its requests."""

from collections import OrderedDict
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
        self._running: dict[str, int] = {}
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
        return self._running.get(client_id, 0)

    def begin(self, client_id: str) -> None:
        """A call of this client runs from now on, or waits for its place."""
        self._running[client_id] = self._running.get(client_id, 0) + 1

    def end(self, client_id: str) -> None:
        """One that has begun is over."""
        left = self._running.pop(client_id) - 1
        if left:
            self._running[client_id] = left

    def give_back(self, client_id: str) -> None:
        """A request that was counted in was none of this client's own: somebody may have repeated it."""
        bucket = self._buckets.get(client_id)
        if bucket is not None:
            bucket.tokens += 1

    def forget(self, client_id: str, nonce: str) -> None:
        """A request that was looked at is handed on: it may come again, and is to be as new as it was."""
        self._nonces.pop((client_id, nonce), None)
        self.give_back(client_id)

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
