"""Work on the replica's event loop for a tool, wherever that runs."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from toolwire.services.running.context import Said
from toolwire.services.running.end_flag import AttemptEnded
from toolwire.services.running.leases import Ending


def from_anywhere(
    loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, None]]
) -> Awaitable[None]:
    """Have `work` done on `loop`: by whoever awaits this there; for anybody else it is done on return.

    Raises what it raises, and `AttemptEnded` in a thread that has outlived the replica.
    """
    if running_loop() is loop:
        return work()
    doing = work()
    try:
        asyncio.run_coroutine_threadsafe(doing, loop).result()
    except RuntimeError as error:
        if not loop.is_closed():
            raise
        doing.close()
        raise AttemptEnded(Ending.DRAINING) from error
    return Said()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
