"""An event loop in a thread of its own, for callers that have none."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from toolwire.contracts.errors import ClientClosed, UsageError

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]


class LoopThread:
    """Keeps something open in a loop of its own, and runs there what other threads wait for.

    The thread is a daemon: a program that ends without closing it is not held up, and its connections go
    with it.
    """

    def __init__(self, kept: AbstractAsyncContextManager[object]) -> None:
        self._kept = kept
        self._taking = threading.RLock()  # the collector of garbage may call `finish` while it is held
        self._loop: asyncio.AbstractEventLoop | None = None
        """Where work goes; None while it takes none."""
        self._process = os.getpid()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Start the thread, and return when what it keeps is open. Raises what that raises.

        It opens once, because what it keeps does: `UsageError` the second time.
        """
        refuse_in_a_loop()
        if self._thread is not None:
            told = "is open already" if self._thread.is_alive() else "was closed: open another one"
            raise UsageError(f"this client {told}")
        opened: Future[None] = Future()
        self._closing = asyncio.Event()
        self._process = os.getpid()
        self._thread = threading.Thread(
            target=self._main, args=(opened,), name="toolwire client", daemon=True
        )
        self._thread.start()
        try:
            opened.result()
        except BaseException:
            opened.cancel()
            self.close()
            raise

    def run(self, work: Work[T]) -> T:
        """The result of a coroutine that is run in the loop. Whatever ends the wait early cancels it.

        Raises what it raises, and `ClientClosed` where another thread closes this one.
        """
        outcome: Future[T] = Future()  # before the work begins: Ctrl-C between the two must end it as well
        try:
            self._start(work, outcome)
            return outcome.result()
        except CancelledError:
            raise ClientClosed from None
        except BaseException:
            outcome.cancel()  # Ctrl-C: nobody waits for it any more
            raise

    def _start(self, work: Work[T], outcome: "Future[T]") -> None:
        refuse_in_a_loop()
        if self._process != os.getpid():
            raise UsageError(
                "this client was opened before the process forked, and its thread was left behind: open "
                "another one in the new process"
            )
        with self._taking:
            if self._loop is None:
                raise UsageError("this client is not open: use it in `with SyncClient(…) as client:`")
            self._loop.call_soon_threadsafe(_begin, work, outcome)

    def finish(self, work: Work[object]) -> None:
        """Have a coroutine run, if the loop still takes work, without waiting for it. From any thread."""
        if self._process != os.getpid():
            return
        with self._taking:
            if self._loop is not None:
                asyncio.run_coroutine_threadsafe(work(), self._loop)

    def close(self) -> None:
        """Close what is kept and end the thread. What still runs there ends with `ClientClosed`."""
        if self._thread is None or self._process != os.getpid():
            return
        with self._taking:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _main(self, opened: "Future[None]") -> None:
        try:
            asyncio.run(self._keep(opened))
        except BaseException as error:
            if opened.cancelled():
                return  # whoever opened it was interrupted
            if opened.done():
                raise
            opened.set_exception(error)

    async def _keep(self, opened: "Future[None]") -> None:
        async with self._kept:
            self._take_work(asyncio.get_running_loop())
            try:
                opened.set_result(None)
                await self._closing.wait()
            finally:
                # What was taken before this begins before the loop ends, so that nobody waits for ever.
                self._take_work(None)

    def _take_work(self, loop: asyncio.AbstractEventLoop | None) -> None:
        with self._taking:
            self._loop = loop


def _begin(work: Work[T], outcome: "Future[T]") -> None:
    """Run a coroutine in this loop for who waits for its outcome, and end it when that one cancels."""
    loop = asyncio.get_running_loop()
    try:
        task = loop.create_task(work())
    except Exception as error:  # noqa: BLE001 - told to who waits
        if outcome.set_running_or_notify_cancel():
            outcome.set_exception(error)
        return

    def cancelled(_: object) -> None:
        if outcome.cancelled() and not task.done():
            loop.call_soon_threadsafe(task.cancel)

    outcome.add_done_callback(cancelled)
    task.add_done_callback(lambda _: _tell(task, outcome))


def _tell(task: "asyncio.Task[T]", outcome: "Future[T]") -> None:
    if task.cancelled():
        outcome.cancel()
    elif not outcome.set_running_or_notify_cancel():
        task.exception()  # nobody waits: it has been looked at
    elif error := task.exception():
        outcome.set_exception(error)
    else:
        outcome.set_result(task.result())


def refuse_in_a_loop() -> None:
    """`UsageError` in a thread whose event loop runs: waiting here would stop it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        "an event loop runs in this thread, and SyncClient would stop it: use "
        "`async with Client(…) as client:` and await its calls"
    )
