"""Units that share a transaction: first in the hope that all goes well, then each for itself.

A savepoint for each unit would let a bad one cost only itself, and would cost as much as the unit. So the
units run without; where one fails, the transaction is rolled back and all run again, now with savepoints.

On PostgreSQL the transactions of two replicas lock rows in different orders. Nobody waits long for a lock
while holding others (`postgresql.LOCK_MS`): what was done so far is committed, and the unit that had to wait
comes again in a later transaction. Its caller notices nothing but the time it takes.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select

from toolwire.services.store.dialects import store_clock
from toolwire.services.store.losses import is_contended, is_lost, is_unreachable, loss

T = TypeVar("T")
Work = Callable[[Connection, int], T]
"""A unit: what it does in the open transaction, given the store's clock in milliseconds."""

CONTENDED_WITHIN = 5.0
"""Seconds for which a unit tries again where others hold its rows. Transactions take milliseconds: when this
is over, one hangs."""

_CLOCK = select(store_clock())


@dataclass(slots=True, eq=False)
class Piece:
    """A unit on its way, and its caller."""

    work: Work[Any]
    future: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None
    held_up_since: float | None = None
    """`time.monotonic()` when it first met rows that somebody else held."""


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
    """A connection that has just told the time. One that broke while it lay idle is replaced."""
    connection = engine.connect()
    try:
        return connection, _now_ms(connection)
    except Exception as error:
        connection.close()
        if not is_lost(error):
            raise
    connection = engine.connect()
    try:
        return connection, _now_ms(connection)
    except BaseException:
        connection.close()
        raise


def _now_ms(connection: Connection) -> int:
    return connection.execute(_CLOCK).scalar_one()


def _all_went_well(connection: Connection, batch: Sequence[Piece], now_ms: int) -> bool:
    """Run the units without savepoints. False: one failed, and what they did is to be taken back."""
    if any(piece.held_up_since for piece in batch):
        return False
    for piece in batch:
        try:
            piece.value = piece.work(connection, now_ms)
        except Exception as error:
            if is_lost(error):
                raise
            return False
    return True


def _each_for_itself(connection: Connection, batch: Sequence[Piece]) -> list[Piece]:
    """Run each unit in a savepoint, up to one that somebody else holds up: it comes again, after the rest."""
    now_ms = _now_ms(connection)
    for place, piece in enumerate(batch):
        if _is_held_up(connection, piece, now_ms):
            return [*batch[place + 1 :], piece]
    return []


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
