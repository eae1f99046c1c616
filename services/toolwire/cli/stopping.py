"""How a long-running command ends: on the first signal in order, on the second at once."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import NoReturn

from toolwire.cli import exits

log = logging.getLogger("toolwire.cli")

SELDOM = (20_000, 20, 20)
"""When Python looks for cycles, of which handling a request makes none: else a twentieth of a busy replica's
time goes there."""


def run_until_signal(
    work: AbstractAsyncContextManager[object],
    *,
    on_ready: Callable[[], None] = lambda: None,
    at_once: Callable[[], object],
) -> int:
    """Enter `work`, call `on_ready`, wait for SIGINT, SIGTERM or SIGHUP, leave it. A second one: `at_once`.

    The first signal cancels an entering that has not returned, so that one which hangs can be stopped too.
    """
    with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=quick_loop()) as runner:
        runner.run(_until_signal(work, on_ready, at_once))
    return exits.OK


def quick_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes uvloop's event loop, where that is installed; None: Python's own serves as well."""
    if find_spec("uvloop") is None:
        return None
    make: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return make


async def _until_signal(
    work: AbstractAsyncContextManager[object], on_ready: Callable[[], None], at_once: Callable[[], object]
) -> None:
    # Entered and left by one task: what a lifespan opens, such as a group of tasks, may ask for that.
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine
    entering = True
    asked = asyncio.Event()

    def first() -> None:
        log.info("stopping; a second signal ends this at once")
        asked.set()
        if entering:
            task.cancel()

    with _signals(first, at_once):
        async with work:
            entering = False
            # What was made so far stays: the collector walking over it again and again takes a good part of a
            # busy replica's time.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*SELDOM)
            on_ready()
            await asked.wait()


@contextmanager
def _signals(first: Callable[[], None], second: Callable[[], object]) -> Generator[None]:
    loop = asyncio.get_running_loop()
    count = 0

    def handle(number: int, _frame: FrameType | None) -> None:
        # Not the loop's own way: a tool that blocks the loop would block the second signal as well.
        nonlocal count
        hear_one_hangup(number)
        if number == signal.SIGHUP and count:
            return
        count += 1
        if count > 1:
            second()
        else:
            loop.call_soon_threadsafe(first)

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, *ending_signals())}
    try:
        yield
    finally:
        for each, handler in before.items():
            if signal.getsignal(each) is handle:
                signal.signal(each, handler)


def ending_signals() -> tuple[signal.Signals, ...]:
    """The signals that end a command besides Ctrl-C. SIGHUP is not one of them under `nohup`."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return (signal.SIGTERM, signal.SIGHUP) if hangs_up else (signal.SIGTERM,)


def hear_one_hangup(number: int) -> None:
    """Ignore SIGHUP after the first: a terminal that closes says so more than once, by kernel and shell.

    It must not disturb the end that it has begun.
    """
    if number == signal.SIGHUP:
        signal.signal(number, signal.SIG_IGN)


def interrupt(number: int = signal.SIGINT, *_: object) -> NoReturn:
    """End by unwinding: whatever was opened is closed on the way out."""
    hear_one_hangup(number)
    raise KeyboardInterrupt


def end_now(code: int = exits.INTERRUPTED) -> NoReturn:
    """End the process without waiting for anything: a plain exit waits for tools that block a thread."""
    logging.shutdown()
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def leave(code: int) -> NoReturn:
    """End the process with that code, also while a tool that blocks still holds a thread."""
    others = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    if any(not thread.daemon for thread in others):
        log.warning("a tool that blocks is still running: it is left behind")
        end_now(code)
    sys.exit(code)
