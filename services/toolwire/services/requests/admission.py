"""How much of what was delivered is opened: bounded by lines and bytes, for a message may hold many lines."""

from collections import deque
from collections.abc import Callable

from toolwire.broker.consume import Delivery

MOST_LINES = 512
"""Besides those that may run at the same time: else so many slow ones would keep polls waiting."""
MOST_BYTES = 4 * 1024 * 1024


class Admission:
    """Lets deliveries in, in their order: as many as fit, but always one. `open_` begins with one of them and
    must not call back before it returns. `running`: how many lines may run at the same time.
    """

    def __init__(self, open_: Callable[[Delivery], None], running: int) -> None:
        self._open = open_
        self._running = running
        self._waiting: deque[Delivery] = deque()
        self._lines = 0
        self._bytes = 0

    def come(self, delivery: Delivery) -> None:
        """One more: opened now, or when there is room."""
        self._waiting.append(delivery)
        self._let_in()

    def enter(self, lines: int, size: int) -> None:
        """So much is opened."""
        self._lines += lines
        self._bytes += size

    def leave(self, lines: int, size: int) -> None:
        """So much is over."""
        self._lines -= lines
        self._bytes -= size
        if self._waiting:
            self._let_in()

    def turn_away(self) -> list[Delivery]:
        """Those that were never opened, and are not to be."""
        turned_away = [*self._waiting]
        self._waiting.clear()
        return turned_away

    def _let_in(self) -> None:
        while self._waiting and self._has_room(self._waiting[0].body):
            self._open(self._waiting.popleft())

    def _has_room(self, body: bytes) -> bool:
        if not self._lines:
            return True
        lines = self._lines + body.count(b"\n") + 1
        return lines <= MOST_LINES + self._running and self._bytes + len(body) <= MOST_BYTES
