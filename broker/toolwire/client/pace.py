"""How many requests for one tool may share a message: many where it answers at once, one where it is slow.

A message goes to one replica, with all that is in it. What a replica does in no time is best sent together;
what takes long is best spread, so that no request waits in one replica while another one idles.
"""

from toolwire.contracts.lines import MAX_LINES

PACE_S = 1.0
"""How much work, one line after the other, a message may bring to one replica."""
SHARES = 32
"""Of all that waits for its answer, a message may hold one part in so many, however long the wait: that is
the queue's then, and not the tool's. Else very many callers at once, whose requests go alone at first, would
stay slow because they were."""
WEIGHT = 1 / 8
"""Of the newest time in the average."""
MOST_TOOLS = 1024


class ToolPace:
    """How soon the requests for one tool of one server are answered.

    Times are in seconds; `now` is any clock that only goes forward.
    """

    __slots__ = ("_average", "_heard_at", "_waiting")

    def __init__(self) -> None:
        self._average: float | None = None
        self._waiting = 0
        self._heard_at = 0.0
        """When it answered last, or was asked while it owed no answer."""

    def company(self, now: float) -> int:
        """How many requests may share a message that is sent now, from 1 to `MAX_LINES`."""
        if self._average is None:
            return 1
        silence = now - self._heard_at if self._waiting else 0.0
        if silence >= PACE_S:
            return 1
        # Silence counts before an answer ends it, so that a tool that stops to answer gets no more at once.
        lines = PACE_S / max(self._average, silence, PACE_S / MAX_LINES)
        return int(max(lines, min(self._waiting / SHARES, MAX_LINES)))

    def begin(self, now: float) -> None:
        """One more waits for an answer."""
        if not self._waiting:
            self._heard_at = now
        self._waiting += 1

    def answered(self, took: float, now: float, *, ok: bool) -> None:
        """An answer came, so long after its request was sent. `ok`: it is no error.

        Refusals come quickly whatever the tool is like, so that an error counts only where it was slow.
        """
        self._heard_at = now
        self._learn(took, at_least=not ok)

    def end(self, silence: float | None) -> None:
        """One of those that waited does so no more: whatever came, or for so long nothing."""
        self._waiting -= 1
        if silence is not None:
            self._learn(silence, at_least=True)

    def _learn(self, took: float, *, at_least: bool) -> None:
        took = min(took, PACE_S)  # slower than slow makes no difference, and would be remembered for long
        if self._average is None:
            self._average = None if at_least else took
        elif took > self._average or not at_least:
            self._average += (took - self._average) * WEIGHT


class Pace:
    """The pace of every tool that was asked lately: of the last `MOST_TOOLS`."""

    def __init__(self) -> None:
        self._tools: dict[tuple[str, str], ToolPace] = {}

    def of(self, server_id: str, tool: str) -> ToolPace:
        """The pace of that server's tool. One that is asked for the first time in a while has none yet."""
        key = (server_id, tool)
        pace = self._tools.pop(key, None) or ToolPace()
        self._tools[key] = pace  # last: those that nobody asks for any more come first
        if len(self._tools) > MOST_TOOLS:
            del self._tools[next(iter(self._tools))]
        return pace
