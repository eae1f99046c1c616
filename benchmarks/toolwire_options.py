"""What both of Toolwire's programs can be told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from benchmarks.peers.measuring import options
from benchmarks.toolwire_home import Key


@dataclass(frozen=True, slots=True)
class Given:
    """The command line of either program."""

    url: str
    """RabbitMQ's."""
    folder: Path
    """Where the home is made, and found."""
    workload: str
    in_flight: int
    seconds: float
    bytes: int
    """How long the ballast of large arguments is."""
    key: Key
    """What the clients sign with."""
    store: str | None
    """An SQLAlchemy URL; SQLite in the home otherwise."""
    loop: str
    """The load's event loop: asyncio or uvloop. A replica has the one that `toolwire serve` takes."""
    tool: str
    """The one that is called."""


def read() -> Given:
    """The command line of this process."""
    told = options("key", "store", "loop", "tool")
    return Given(
        url=told.url,
        folder=Path(told.folder),
        workload=told.workload,
        in_flight=told.in_flight,
        seconds=told.seconds,
        bytes=told.bytes,
        key=cast("Key", told.key or "hmac"),
        store=told.store or None,
        loop=told.loop or "asyncio",
        tool=told.tool or "batch_sum",
    )


def loop_maker(loop: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes such an event loop; None: whatever Python makes."""
    if loop != "uvloop":
        return None
    import uvloop

    return uvloop.new_event_loop
