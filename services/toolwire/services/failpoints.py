"""Failpoints: the places where a test ends a replica, to see what everybody else makes of it.

    TOOLWIRE_FAILPOINT=claim.committed            SIGKILL as soon as a claim is committed
    TOOLWIRE_FAILPOINT=tell.sent@3=stop           SIGSTOP the third time that an outbox row was published

They stand at the arrows of a request's way: claim or accept, answer, ack, take, run, record, tell. A replica
that is not told otherwise passes each at the cost of one comparison.
"""

import logging
import os
import re
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from toolwire.contracts.errors import ConfigurationError

log = logging.getLogger("toolwire.services")

VARIABLE = "TOOLWIRE_FAILPOINT"

FAILPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "claim.written": "a call's record is in a transaction that is not committed",
        "claim.committed": "the record is committed, and the tool has not been called",
        "accept.written": "a job's record is in a transaction that is not committed",
        "accept.committed": "the record is committed, and nobody was told",
        "answer.ready": "an answer is sealed, and not yet with the broker",
        "answer.sent": "the broker has confirmed an answer",
        "ack.ready": "all lines of a message are settled, and the broker still holds it",
        "take.written": "a job is taken in a transaction that is not committed",
        "take.committed": "a job is taken, and its tool has not been called",
        "run.ready": "the tool is about to be called",
        "run.returned": "the tool is over, and nothing of that is recorded",
        "record.written": "the outcome is in a transaction that is not committed",
        "record.committed": "the outcome is committed, and nobody was told",
        "tell.ready": "an outbox row is about to be published",
        "tell.sent": "the broker has confirmed an outbox row, which is not marked as sent",
        "tell.marked": "an outbox row is marked as sent",
    }
)
"""What is true at each, and not yet."""

ACTIONS: Mapping[str, signal.Signals] = MappingProxyType({"kill": signal.SIGKILL, "stop": signal.SIGSTOP})
"""What happens there: the process ends without another instruction, or stands still until SIGCONT."""

_SPELLING = re.compile(r"(?P<name>[a-z.]+)(@(?P<turn>[1-9][0-9]{0,8}))?(=(?P<action>[a-z]+))?")


@dataclass(slots=True)
class Armed:
    """One failpoint that waits to be reached."""

    name: str
    turns_left: int
    signal: signal.Signals

    def pass_by(self, times: int) -> None:
        """Count, and act when it is the turn; later ones pass."""
        due = 0 < self.turns_left <= times
        self.turns_left -= times
        if due:
            log.warning("failpoint %s: %s", self.name, self.signal.name)
            # To this very thread: of any other one it could go a few steps further meanwhile.
            signal.pthread_kill(threading.get_ident(), self.signal)


_armed: Armed | None = None


def reach(name: str, times: int = 1) -> None:
    """Stand at a failpoint, for so many things at once. Nothing happens unless it is armed."""
    if _armed is not None and _armed.name == name:
        _armed.pass_by(times)


def arm(spelling: str | None) -> None:
    """Arm the failpoint that is spelled `NAME`, `NAME@TURN`, `NAME=ACTION` or `NAME@TURN=ACTION`; None or an
    empty text disarms.

    Raises `ConfigurationError` for what is spelled otherwise or names none: a typo must not make a test pass.
    """
    global _armed  # noqa: PLW0603 - a process dies as a whole
    _armed = _read(spelling) if spelling else None
    if _armed is not None:
        log.warning("this replica is to end at a failpoint: %s", spelling)


def arm_by_environment() -> None:
    """Arm what TOOLWIRE_FAILPOINT names."""
    arm(os.environ.get(VARIABLE))


def _read(spelling: str) -> Armed:
    read = _SPELLING.fullmatch(spelling)
    if read is None:
        raise ConfigurationError(f"{VARIABLE} is NAME, NAME@TURN or NAME@TURN=ACTION, not {spelling!r}")
    name, action = read["name"], read["action"] or "kill"
    if name not in FAILPOINTS:
        raise ConfigurationError(
            f"{VARIABLE} names no failpoint: {name!r}. They are: {', '.join(FAILPOINTS)}"
        )
    if action not in ACTIONS:
        raise ConfigurationError(f"{VARIABLE} knows no action {action!r}. They are: {', '.join(ACTIONS)}")
    return Armed(name, int(read["turn"] or 1), ACTIONS[action])
