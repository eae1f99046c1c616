"""Units that share a transaction: first in the hope that all goes well, then each for itself.

A savepoint for each unit would let a bad one cost only itself, and would cost as much as the unit. So the
units run without; where one fails, the transaction is rolled back and all run again, now with savepoints.
In the first run, units of one kind are carried out as one (`Joint`), wherever they stand among the others:
nobody has heard of any of them yet, so that any order is one in which they may have come. Of 64 jobs that are
accepted together, each so costs a fifth of the processor time that it costs by statements of its own.

On PostgreSQL the transactions of two replicas lock rows in different orders. Nobody waits long for a lock
while holding others (`postgresql.LOCK_MS`): what was done so far is committed, and the unit that had to wait
comes again in a later transaction. Its caller notices nothing but the time it takes.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeGuard, TypeVar

from sqlalchemy import Connection, Engine

from toolwire.services.store.dialects import BEGAN_MS
from toolwire.services.store.losses import is_contended, is_lost, is_unreachable, loss

A = TypeVar("A")
T = TypeVar("T")
Work = Callable[[Connection, int], T]
"""A unit: what it does in the open transaction, given the store's clock in milliseconds."""

CONTENDED_WITHIN = 5.0
"""Seconds for which a unit tries again where others hold its rows. Transactions take milliseconds: when this
is over, one hangs."""

MOST_ALONE = 128
"""Units in a transaction in which each runs for itself: they take several times as long as together."""


@dataclass(frozen=True, slots=True)
class Joint(Generic[A, T]):
    """A unit of which many can be carried out by the same few statements."""

    kind: object
    """Those of one kind differ in what is asked alone."""
    carry: Callable[[Connection, int, Sequence[A]], Sequence[T]]
    """Does what each asks for and gives the value of each, or raises and leaves it to the caller to take
    back what was done.
    """
    asked: A
    characters: int = 0
    """How many it brings along in texts that may be long."""

    def __call__(self, connection: Connection, now_ms: int) -> T:
        """Carry this one out alone."""
        (value,) = self.carry(connection, now_ms, [self.asked])
        return value


@dataclass(slots=True, eq=False)
class Piece:
    """A unit on its way, and its caller."""

    work: Work[Any] | Joint[Any, Any]
    future: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None
    held_up_since: float | None = None
    """`time.monotonic()` when it first met rows that somebody else held."""

    @property
    def joint(self) -> Joint[Any, Any] | None:
        """The unit, if it is one of which many can be carried out at once."""
        return self.work if _is_joint(self.work) else None

    @property
    def characters(self) -> int:
        """What it adds to a statement that it shares."""
        return 0 if self.joint is None else self.joint.characters


def _is_joint(work: object) -> TypeGuard[Joint[Any, Any]]:
    return isinstance(work, Joint)


def carry_out(engine: Engine, batch: Sequence[Piece]) -> list[Piece]:
    """Run the units and commit. Returns those that must come again; the others have a value or an error."""
    committing = False
    again: list[Piece] = []
    try:
        connection, now_ms = _connect(engine)
        with connection:
            if not _all_went_well(connection, batch, now_ms):
                connection.rollback()
                again = _each_for_itself(connection, batch)
            committing = True
            connection.commit()
    except Exception as error:  # noqa: BLE001  # whatever it is, its units must hear of it and the thread go on
        engine.dispose()  # a connection whose commit failed may still be in its transaction
        # What is not the connection's fault, such as a file that is damaged, does not come back by itself.
        passes = committing or is_lost(error) or is_unreachable(error)
        for piece in batch:
            piece.error = piece.error or (loss(error, committing=committing) if passes else error)
        return []
    return again


def _connect(engine: Engine) -> tuple[Connection, int]:
    """A connection that has begun a transaction, and what time it is there. One that broke while it lay idle
    is replaced.
    """
    connection = engine.connect()
    try:
        return connection, _begin(connection)
    except Exception as error:
        connection.close()
        if not is_lost(error):
            raise
    connection = engine.connect()
    try:
        return connection, _begin(connection)
    except BaseException:
        connection.close()
        raise


def _begin(connection: Connection) -> int:
    connection.begin()
    now_ms: int = connection.info[BEGAN_MS]
    return now_ms


def _all_went_well(connection: Connection, batch: Sequence[Piece], now_ms: int) -> bool:
    """Run the units without savepoints. False: one failed, and what they did is to be taken back."""
    if any(piece.held_up_since for piece in batch):
        return False
    try:
        for alike in _by_kind(batch):
            _together(connection, alike, now_ms)
    except Exception as error:
        if is_lost(error):
            raise
        return False
    return True


def _by_kind(batch: Sequence[Piece]) -> Iterable[list[Piece]]:
    """Joint units by their kind, in the order of the first of each; any other unit by itself."""
    groups: dict[object, list[Piece]] = {}
    for piece in batch:
        kind = piece if piece.joint is None else piece.joint.kind
        groups.setdefault(kind, []).append(piece)
    return groups.values()


def _together(connection: Connection, alike: Sequence[Piece], now_ms: int) -> None:
    joints = [piece.joint for piece in alike if piece.joint is not None]
    if not joints:
        (alone,) = alike
        alone.value = alone.work(connection, now_ms)
        return
    values = joints[0].carry(connection, now_ms, [joint.asked for joint in joints])
    for piece, value in zip(alike, values, strict=True):
        piece.value = value


def _each_for_itself(connection: Connection, batch: Sequence[Piece]) -> list[Piece]:
    """Run units, each in a savepoint, up to one that others hold up: it comes again, after the rest."""
    now_ms = _begin(connection)
    for place, piece in enumerate(batch[:MOST_ALONE]):
        if _is_held_up(connection, piece, now_ms):
            return [*batch[place + 1 :], piece]
    return list(batch[MOST_ALONE:])


def _is_held_up(connection: Connection, piece: Piece, now_ms: int) -> bool:
    """Run one unit in a savepoint. Raises where the whole transaction is lost."""
    # In plain words to the driver: `begin_nested` compiles a new name for each savepoint, which costs more
    # than most units do.
    connection.exec_driver_sql("SAVEPOINT unit")
    try:
        piece.value = piece.work(connection, now_ms)
    except Exception as error:
        if is_lost(error):
            raise
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT unit")
        if is_contended(error) and _may_try_again(piece):
            return True
        piece.error = loss(error, committing=False) if is_unreachable(error) else error
    connection.exec_driver_sql("RELEASE SAVEPOINT unit")
    return False


def _may_try_again(piece: Piece) -> bool:
    piece.held_up_since = piece.held_up_since or time.monotonic()
    return time.monotonic() < piece.held_up_since + CONTENDED_WITHIN
