"""What the doctor finds: one line of a report, with its remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is, from good to bad."""

    OK = "ok"
    """Looked at, and as it should be."""
    NOTE = "note"
    """Good to know, or not seen: never a reason to be woken."""
    WARNING = "warning"
    """It works now, and will hurt."""
    ERROR = "error"
    """It does not work, or loses something."""

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Level).index(self)


class Area(StrEnum):
    """What can be looked at by itself (`--only`)."""

    HOME = "home"
    BROKER = "broker"
    PERMISSIONS = "permissions"
    QUEUES = "queues"
    SERVICE = "service"
    CLOCK = "clock"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    area: Area
    check: str
    """A word for programs, such as `no_replica`: it stays when the text changes."""
    what: str
    where: str
    remedy: str = ""
    """The command or setting that mends it; empty where there is nothing to mend."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Writes findings of one area about one place."""

    area: Area
    where: str

    def ok(self, check: str, what: str) -> Finding:
        """As it should be."""
        return Finding(Level.OK, self.area, check, what, self.where)

    def note(self, check: str, what: str, remedy: str = "") -> Finding:
        """Good to know."""
        return Finding(Level.NOTE, self.area, check, what, self.where, remedy)

    def warning(self, check: str, what: str, remedy: str) -> Finding:
        """It will hurt."""
        return Finding(Level.WARNING, self.area, check, what, self.where, remedy)

    def error(self, check: str, what: str, remedy: str) -> Finding:
        """It does not work."""
        return Finding(Level.ERROR, self.area, check, what, self.where, remedy)

    def unseen(self, check: str, what: str, because: str, remedy: str = "") -> Finding:
        """Not looked at, which is never "ok"."""
        return self.note(check, f"not seen: {what}, because {because}", remedy)


def count(number: int, thing: str) -> str:
    """A number of things, in words."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among findings."""
    return max((finding.level for finding in findings), key=lambda level: level.rank, default=Level.OK)
