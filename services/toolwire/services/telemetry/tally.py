"""The plainest look inside: what was not handled, counted by reason, without anything to install."""

from collections import Counter

from typing_extensions import override

from toolwire.contracts.errors import Code
from toolwire.services.telemetry.signals import How, Signals, Whom


class Tally(Signals):
    """Counts what was put aside, refused, undeliverable or silently dropped."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    @override
    def junk(self, reason: str, size: int, routing_key: str) -> None:
        self.counts[f"junk.{reason}"] += 1

    @override
    def dead(self, reason: str, routing_key: str) -> None:
        self.counts[f"dead.{reason}"] += 1

    @override
    def refused(self, whom: Whom, code: Code) -> None:
        self.counts[f"refused.{code}"] += 1

    @override
    def repeated(self, whom: Whom, how: How) -> None:
        if how == "nonce":
            self.counts["repeated"] += 1

    @override
    def undeliverable(self, kind: str) -> None:
        self.counts[f"undeliverable.{kind}"] += 1
