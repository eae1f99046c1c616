"""What Toolwire has to reach, nearly all as ratios within one run, so that no machine's speed decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.catalogue import BASELINE, C_ECHO, CELERY, ED25519, FASTSTREAM, HMAC
from benchmarks.job_workloads import CELERY_SUBMITTER, IDLE, SUBMISSIONS, SUBMITTER
from benchmarks.summary import Medians, ratio
from benchmarks.workloads import Point

IN_COMPANY = Point("calls", 64)


@dataclass(frozen=True, slots=True)
class Goal:
    """A number of a contender: at least, or at most, so many times as much as the same number of a peer.

    Without a peer it is the number itself that counts.
    """

    what: str
    contender: str
    peer: str | None
    point: Point
    wanted: float
    number: str = "per_s"
    at_most: bool = False

    def seen(self, medians: Medians) -> float | None:
        """What was measured of it; None where it was not, or the peer was not."""
        if self.peer is not None:
            return ratio(medians, self.point, self.number, self.contender, self.peer)
        measured = medians.get((self.contender, self.point), {}).get(self.number)
        return measured.median if measured else None

    def verdict(self, medians: Medians) -> str:
        """Whether it is reached, in a word or two."""
        seen = self.seen(medians)
        if seen is None:
            return "not measured"
        return "ok" if (seen <= self.wanted if self.at_most else seen >= self.wanted) else "not yet"


GOALS: Sequence[Goal] = (
    Goal("calls, HMAC", HMAC, BASELINE, IN_COMPANY, 4),
    Goal("calls, Ed25519 both ways", ED25519, BASELINE, IN_COMPANY, 2.5),
    Goal("calls, HMAC", HMAC, FASTSTREAM, IN_COMPANY, 8),
    Goal("calls, HMAC", HMAC, CELERY, IN_COMPANY, 8),
    Goal("calls, HMAC", HMAC, C_ECHO, IN_COMPANY, 0.5),
    Goal("median time of a call alone", HMAC, BASELINE, Point("sequential"), 1.5, "p50_ms", at_most=True),
    Goal("jobs submitted", SUBMITTER, CELERY_SUBMITTER, SUBMISSIONS, 4),
    Goal("percent of a core, idle", HMAC, None, IDLE, 1, "core_percent", at_most=True),
    Goal("MiB of memory, idle", HMAC, None, IDLE, 90, "memory_mib", at_most=True),
)
