"""Judges a broker's version: is it supported, does it get patches, and what is it known to do?

The traps were measured, or read in RabbitMQ's source and release notes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from toolwire.broker.reach import Reached
from toolwire.cli.doctor.finding import Area, Desk, Finding

Version = tuple[int, int, int]

OLDEST: Version = (3, 10, 0)
NEWEST_SERIES = (4, 3)
"""Free patches go to the newest series alone (RabbitMQ's COMMUNITY_SUPPORT.md)."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""A broker of this machine alone, as `toolwire dev` starts it: less is expected of it."""


@dataclass(frozen=True, slots=True)
class Trap:
    """Something that versions from `since` on and before `until` do."""

    check: str
    what: str
    remedy: str
    since: Version = (0, 0, 0)
    until: Version = (99, 0, 0)
    hurts: bool = False

    def holds(self, version: Version) -> bool:
        """Whether that version does it."""
        return self.since <= version < self.until


TRAPS = (
    Trap(
        "dead_leader_nacks",
        "a channel whose first publish meets a quorum queue's dead leader is refused until that node is back",
        "nothing for Toolwire, which opens a new channel; other programs need 3.12.5 or newer",
        until=(3, 12, 5),
    ),
    Trap(
        "no_default_delivery_limit",
        "queues have no delivery limit of their own before 4.0: a message that kills its consumer comes back "
        "for ever",
        "nothing for queues that Toolwire declares (20); give one to queues that an administrator declares: "
        "x-delivery-limit=20",
        until=(4, 0, 0),
    ),
    Trap(
        "cc_bypass",
        "topic permissions can be evaded with the CC and BCC headers before 4.1",
        "upgrade to 4.1 or newer where clients are kept apart by topic permissions; signatures and the "
        "registry hold in any case",
        until=(4, 1, 0),
    ),
    Trap(
        "consumer_timeout_global",
        "the consumer timeout can only be set for the whole broker before 3.12",
        "keep consumer_timeout in rabbitmq.conf at its 30 minutes or more; Toolwire acknowledges in seconds",
        until=(3, 12, 0),
    ),
    Trap(
        "disconnected_timeout",
        "the messages that a lost node's consumers held are kept back for 60 seconds",
        "nothing for queues that Toolwire declares (5 seconds); queues that an administrator declares need "
        "x-consumer-disconnected-timeout=5000",
        since=(4, 3, 0),
    ),
    Trap(
        "transient_queues_denied",
        "queues that are neither durable nor exclusive are refused (541)",
        "nothing for Toolwire, which has none; for other programs: upgrade to 4.3.6",
        since=(4, 3, 0),
        until=(4, 3, 6),
    ),
    Trap(
        "passive_declare_needs_configure",
        "looking at a queue needs the configure permission",
        "upgrade to 4.3.1: calls learn by that look that no replica is running",
        since=(4, 3, 0),
        until=(4, 3, 1),
        hurts=True,
    ),
)


def judge_version(reached: Reached) -> Iterator[Finding]:
    """Whether Toolwire supports the version, whether it still gets patches, and what it is known to do."""
    desk = Desk(Area.BROKER, reached.where)
    version = parsed(reached.version)
    if version is None:
        yield desk.unseen("version", "the version's traps", "the broker does not tell its version")
        return
    if version < OLDEST:
        yield desk.error(
            "too_old", f"RabbitMQ {reached.version} is not supported", "upgrade to 3.10 or newer; best to 4.3"
        )
    elif version[:2] < NEWEST_SERIES:
        tell = desk.warning if version < (4, 0, 0) and reached.host not in LOOPBACK else desk.note
        yield tell(
            "end_of_life",
            f"RabbitMQ {reached.version} gets no more free patches: only the newest series does",
            f"upgrade to {'.'.join(map(str, NEWEST_SERIES))}, series by series; enable all stable feature "
            "flags before each step: rabbitmqctl enable_feature_flag all",
        )
    for trap in TRAPS:
        if trap.holds(version):
            tell = desk.warning if trap.hurts else desk.note
            yield tell(trap.check, trap.what, trap.remedy)


def parsed(version: str | None) -> Version | None:
    """The three numbers that a version begins with."""
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version or "")
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
