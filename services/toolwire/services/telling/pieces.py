"""What a tool puts out, piece by piece, until it is recorded: in order, all of it, never too much at once."""

import threading
from collections import deque

from pydantic_core import PydanticSerializationError, to_jsonable_python

from toolwire.contracts.encoding import NotJson, sendable
from toolwire.contracts.errors import UsageError
from toolwire.contracts.sealing import MAX_RESULT_BYTES
from toolwire.services.running.end_flag import AttemptEnded

MAX_PIECE_BYTES = MAX_RESULT_BYTES
"""How many bytes one piece may have, in its array."""
MOST_TOGETHER = 128 * 1024
"""How many bytes of pieces one event tells, unless it is one piece: many small ones take long to read and
write, and meanwhile the event loop does nothing else."""
MOST_WAITING = 2 * MOST_TOGETHER
"""How many bytes of pieces wait to be recorded before the tool waits."""

_BRACKETS = 2


class PieceRefused(UsageError):
    """Raised by `ctx.emit` for a piece that is no JSON, or too large for a message. Nothing was put out."""


def written(piece: object) -> str:
    """The JSON text of a piece: a JSON value, a pydantic model, a dataclass, or what is made of these.

    Raises `PieceRefused` for anything else, and for a piece that fits no event.
    """
    try:
        text = sendable(to_jsonable_python(piece))
    except (NotJson, PydanticSerializationError, ValueError, RecursionError) as error:
        raise PieceRefused(f"a piece of output of type {type(piece).__name__} has no JSON form") from error
    size = len(text.encode()) + _BRACKETS
    if size > MAX_PIECE_BYTES:
        raise PieceRefused(
            f"a piece of output has {size} bytes; a message holds at most {MAX_PIECE_BYTES}. Put it out in "
            "smaller pieces, or keep it elsewhere and put out where it is."
        )
    return text


class Pieces:
    """The pieces of one attempt that wait, by the events that will tell of them. Any thread may add some."""

    def __init__(self) -> None:
        self._events: deque[bytearray] = deque()
        self._waiting = 0
        self._over = False
        self._changed = threading.Condition()

    def __bool__(self) -> bool:
        """Whether there are pieces that nobody has taken yet."""
        return bool(self._events)

    @property
    def full(self) -> bool:
        """Whether the tool has to wait: for nothing, once the attempt is over."""
        return self._waiting >= MOST_WAITING and not self._over

    def add(self, text: str) -> bool:
        """Put a piece behind all others; whether it is the first. Raises `AttemptEnded` once it is closed."""
        piece = text.encode()
        with self._changed:
            if self._over:
                raise AttemptEnded("over")
            first = not self._events
            if first or len(self._events[-1]) + len(piece) + 1 > MOST_TOGETHER:
                self._events.append(bytearray(b"["))
            self._events[-1] += piece + b","
            self._waiting += len(piece) + 1
        return first

    def wait(self) -> None:
        """Wait in a thread until there is room."""
        with self._changed:
            while self.full:
                self._changed.wait()

    def take(self) -> str:
        """The pieces of the next event, as a JSON array. They count as waiting until they are `recorded`."""
        with self._changed:
            array = self._events.popleft()
        array[-1:] = b"]"
        return array.decode()

    def recorded(self, array: str) -> None:
        """What was taken waits no longer."""
        with self._changed:
            self._waiting -= len(array.encode()) - 1
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more, and let go whoever waits for room."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
