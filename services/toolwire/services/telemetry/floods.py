"""Lines that an attacker, or a client that is wrong, could make without end: the first few, then how many."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

FIRST = 5
"""So many of a kind are let through,"""
WINDOW_S = 10.0
"""in so many seconds."""


@dataclass(slots=True)
class _Window:
    let_through: int = 0
    left_out: int = 0


@dataclass(slots=True)
class Floods:
    """Lets the first few of each kind through in every window; `told` hears how many more there were."""

    told: Callable[[Hashable, int], None]
    window_s: float = WINDOW_S
    _windows: dict[Hashable, _Window] = field(default_factory=dict[Hashable, _Window])

    def lets_through(self, kind: Hashable) -> bool:
        """Whether this one of its kind is to be told. To be asked in the event loop."""
        window = self._windows.get(kind)
        if window is None:
            window = self._windows[kind] = _Window()
            asyncio.get_running_loop().call_later(self.window_s, self._end, kind)
        if window.let_through < FIRST:
            window.let_through += 1
            return True
        window.left_out += 1
        return False

    def end(self) -> None:
        """Say now how many were left out, for whoever reads the last lines."""
        for kind in list(self._windows):
            self._end(kind)

    def _end(self, kind: Hashable) -> None:
        window = self._windows.pop(kind, None)
        if window is not None and window.left_out:
            self.told(kind, window.left_out)
