"""Watching jobs, for callers without an event loop."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from toolwire.client.seen import Seen
from toolwire.client.sync_loop import LoopThread

if TYPE_CHECKING:
    from toolwire.client.watching import Watching


class SyncWatching:
    """A `Watching` that waits: `with client.watch(…) as events:`, then `for seen in events:`."""

    def __init__(self, thread: LoopThread, watching: "Watching") -> None:
        self._thread = thread
        self._watching = watching

    def subscribe(self) -> None:
        """Have events kept from now on, for whoever watches under this name later. Takes none itself."""
        self._thread.run(self._watching.subscribe)

    def __enter__(self) -> Self:
        self._thread.run(self._watching.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.run(lambda: self._watching.__aexit__(kind, error, trace))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Seen:
        async def following() -> Seen | None:
            return await anext(self._watching, None)

        seen = self._thread.run(following)
        if seen is None:
            raise StopIteration
        return seen
