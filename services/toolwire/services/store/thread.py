"""Group commit: one thread, one connection, and transactions that are shared by whatever is waiting.

While one transaction commits, the next units gather; so the busier the store, the more units a commit
carries. Each unit has a savepoint of its own, and its caller hears of it only when the commit is through.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import InterfaceError, OperationalError

from toolwire.contracts.errors import ToolwireError
from toolwire.services.store.dialects import store_clock
from toolwire.services.store.port import CommitUnknown, StoreAway

T = TypeVar("T")
Work = Callable[[Connection, int], T]
"""A unit: what it does in the open transaction, given the store's clock in milliseconds."""

MOST_WAITING = 1024
"""Units handed to the thread and not yet answered; more callers wait in turn."""
MOST_SHARING = 128
"""Units in one transaction, so that another process gets its turn soon."""

_CLOCK = select(store_clock())


@dataclass(slots=True, eq=False)
class _Unit:
    work: Work[Any]
    future: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None


class GroupCommit:
    """Runs units of work in its own thread. Made and used in one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._places = asyncio.Semaphore(MOST_WAITING)
        self._waiting: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._closing = False
        self._closed = asyncio.Event()
        # A daemon, so that a program that forgets to close the store still ends; what is committed is safe.
        self._thread = threading.Thread(target=self._serve, name="toolwire-store", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T]) -> T:
        """The value of a unit, once it is committed.

        Raises what the unit raised (then it changed nothing), `StoreAway` where the store could not be
        reached (likewise), and `CommitUnknown` where the commit failed. A caller that is cancelled while
        it waits does not undo its unit.
        """
        if self._closing:
            raise StoreAway("the store is closed: this replica is stopping")
        await self._places.acquire()
        unit = _Unit(work, self._loop.create_future())
        self._waiting.put(unit)
        value: T = await unit.future
        return value

    async def close(self) -> None:
        """Finish what waits, then end the thread. Later units are refused."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        for _ in range(
            MOST_WAITING
        ):  # places are given in turn: with all of them in hand nothing is under way
            await self._places.acquire()
        self._waiting.put(None)
        await self._closed.wait()
        self._thread.join()

    def _serve(self) -> None:
        while batch := self._gather():
            self._carry_out(batch)
            self._loop.call_soon_threadsafe(self._answer, batch)
        self._engine.dispose()
        self._loop.call_soon_threadsafe(self._closed.set)

    def _gather(self) -> list[_Unit]:
        """Whatever waits, but at least one unit; nothing when the store is closing."""
        batch: list[_Unit] = []
        try:
            unit = self._waiting.get()
            while unit is not None:
                batch.append(unit)
                if len(batch) == MOST_SHARING:
                    break
                unit = self._waiting.get_nowait()
        except queue.Empty:
            pass
        return batch

    def _carry_out(self, batch: list[_Unit]) -> None:
        committing = False
        try:
            with self._engine.connect() as connection:
                now_ms = connection.execute(_CLOCK).scalar_one()
                for unit in batch:
                    _try(connection, unit, now_ms)
                committing = True
                connection.commit()
        except Exception as error:  # noqa: BLE001  # whatever it is, its units must hear of it and the thread go on
            self._engine.dispose()  # a connection whose commit failed may still be in its transaction
            for unit in batch:
                unit.error = unit.error or _loss(error, committing=committing)

    def _answer(self, batch: list[_Unit]) -> None:
        for unit in batch:
            self._places.release()
            if unit.future.done():  # its caller was cancelled
                continue
            if unit.error is None:
                unit.future.set_result(unit.value)
            else:
                unit.future.set_exception(unit.error)


def _try(connection: Connection, unit: _Unit, now_ms: int) -> None:
    """Run one unit in a savepoint. Raises where the whole transaction is lost."""
    # In plain words to the driver: `begin_nested` compiles a new name for each savepoint, which costs more
    # than most units do.
    connection.exec_driver_sql("SAVEPOINT unit")
    try:
        unit.value = unit.work(connection, now_ms)
    except Exception as error:  # noqa: BLE001  # its caller's to judge
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT unit")
        unreachable = isinstance(error, OperationalError | InterfaceError)
        unit.error = _loss(error, committing=False) if unreachable else error
    connection.exec_driver_sql("RELEASE SAVEPOINT unit")


def _loss(error: Exception, *, committing: bool) -> ToolwireError:
    if isinstance(error, ToolwireError):
        return error
    if committing:
        loss: StoreAway = CommitUnknown(
            f"the store was lost while committing; read again before going on: {error}"
        )
    else:
        loss = StoreAway(f"the store could not be reached, and nothing was written: {error}")
    loss.__cause__ = error
    return loss
