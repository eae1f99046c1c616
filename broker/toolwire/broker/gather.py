"""Lines that are published in the same turn of the loop travel together: one message, one confirm."""

import asyncio
from dataclasses import dataclass, replace
from enum import Enum, auto

from toolwire.broker.message import Outgoing
from toolwire.contracts import lines

MOST_BYTES = 128 * 1024
"""How long the body of a message is at most that carries several lines."""
MOST_LINE_BYTES = 32 * 1024
"""A longer line goes alone: it would hold the others up, and gains nothing by their company."""


class Stage(Enum):
    """Where a parcel is, which says what it means that a caller's time is up."""

    WAITING = auto()  # for a connection, or for room on it
    SENT = auto()
    NACKED = auto()  # and to be sent again in a moment


Told = Exception | None
"""What a caller hears: what went wrong, or nothing."""


@dataclass(slots=True, eq=False)
class Caller:
    """One call of `publish`: it hears what became of the message that its line travels in."""

    message: Outgoing
    deadline: float
    timeout: float
    told: asyncio.Future[Told]
    parcel: "Parcel"

    def tell(self, what: Told) -> None:
        """End its wait, unless it has ended."""
        if not self.told.done():
            self.told.set_result(what)


@dataclass(slots=True, eq=False)
class Parcel:
    """A message, and the callers whose lines it carries."""

    callers: list[Caller]
    company: int
    size: int
    stage: Stage = Stage.WAITING
    in_doubt: bool = False
    """Whether it was sent on a connection that was lost before the answer came."""
    patience_ends: float | None = None
    sealed: Outgoing | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it."""
        return any(not caller.told.done() for caller in self.callers)

    @property
    def deadline(self) -> float:
        """When the last one that waits will wait no longer."""
        return max((each.deadline for each in self.callers if not each.told.done()), default=0.0)

    @property
    def message(self) -> Outgoing:
        """What is sent: made when it is asked for first, the same ever after.

        Until then a caller who has gone takes the line along.
        """
        if self.sealed is None:
            self.callers = [each for each in self.callers if not each.told.done()] or self.callers[:1]
            first = self.callers[0].message
            if len(self.callers) == 1:
                self.sealed = first
            else:
                self.sealed = replace(first, body=lines.join([each.message.body for each in self.callers]))
        return self.sealed

    def takes(self, message: Outgoing) -> bool:
        """Whether one more line fits in."""
        present = len(self.callers)
        return (
            present < self.company
            and present < message.company
            and self.size + 1 + len(message.body) <= MOST_BYTES
            and len(message.body) <= MOST_LINE_BYTES
            and self._is_like(message)
        )

    def _is_like(self, message: Outgoing) -> bool:
        first = self.callers[0].message
        return (
            message.mandatory == first.mandatory
            and message.insist == first.insist
            and not message.headers
            and not first.headers
        )


class Gathering:
    """What is published in one turn of the loop, in parcels, in the order of the calls."""

    def __init__(self) -> None:
        self._parcels: list[Parcel] = []
        self._last: dict[tuple[str, str, str], Parcel] = {}
        """The last parcel of each destination and type: an earlier one would be overtaken."""

    def __bool__(self) -> bool:
        return bool(self._parcels)

    def add(self, message: Outgoing, deadline: float, timeout: float, told: asyncio.Future[Told]) -> Caller:
        """Put a line into a parcel. `told` gets what became of it."""
        where = (message.route.exchange, message.route.key, message.type)
        parcel = self._last.get(where)
        if parcel is None or not parcel.takes(message):
            parcel = Parcel([], company=_company(message), size=-1)
            self._last[where] = parcel
            self._parcels.append(parcel)
        caller = Caller(message, deadline, timeout, told, parcel)
        parcel.callers.append(caller)
        if message.company < parcel.company:
            parcel.company = message.company
        parcel.size += 1 + len(message.body)
        return caller

    def take(self) -> list[Parcel]:
        """The parcels that anybody still waits for. The next turn begins."""
        parcels, self._parcels = self._parcels, []
        self._last.clear()
        return [parcel for parcel in parcels if parcel.wanted]


def _company(message: Outgoing) -> int:
    return 1 if len(message.body) > MOST_LINE_BYTES else min(message.company, lines.MAX_LINES)
