"""What became of a message, as a value: confirms and returns, told to those who sent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import takewhile

from toolwire.broker import frames
from toolwire.broker.message import Outgoing
from toolwire.broker.wire import Wire


class Outcome(Enum):
    """What became of a message on one channel."""

    CONFIRMED = auto()
    RETURNED = auto()
    NACKED = auto()
    DENIED = auto()  # the channel was closed: not allowed (403)
    NOWHERE = auto()  # the channel was closed: no such exchange (404)
    CLOSED = auto()  # the channel was closed for another reason, this message or a neighbour
    UNSENT = auto()  # the channel was closed before
    UNKNOWN = auto()  # the connection was lost before the answer


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome and what the broker said."""

    outcome: Outcome
    said: str = ""


Tell = Callable[[Result], None]

_CONFIRMED = Result(Outcome.CONFIRMED)
_RETURNED = Result(Outcome.RETURNED)
_NACKED = Result(Outcome.NACKED)
LOST = Result(Outcome.UNKNOWN, "the connection was lost")


class Confirms:
    """The messages in flight on one channel in confirm mode, each told of on its own.

    They and their confirms do not pass through aiormq, which has a lock, two queues and a future in the way
    of each.
    """

    def __init__(self, wire: Wire, number: int, body_bytes: int) -> None:
        self._wire = wire
        self._number = number
        self._body_bytes = body_bytes
        self._gone = False
        self._last_tag = 0
        self._in_flight: dict[int, tuple[str, Tell]] = {}
        """By delivery tag, oldest first: the message's id and who is to be told."""
        self._returned: list[str] = []
        self._unwritten: list[bytes] = []
        self.idle = asyncio.Event()
        """Set while nothing is in flight."""
        self.ended = asyncio.Event()
        """Set when nothing more can be sent."""
        self.idle.set()
        wire.listen(number, self)

    @property
    def usable(self) -> bool:
        """Whether a message can still be sent."""
        return not self._gone and self._wire.open

    def leave(self) -> None:
        """Send nothing more: a frame behind `channel.close` would be an error of the whole connection."""
        self._gone = True

    def send(self, message: Outgoing, tell: Tell) -> None:
        """Make a message ready for `flush`. `tell` hears what became of it, once.

        Raises `ValueError` or `TypeError` for one that cannot be encoded.
        """
        if not self.usable:
            tell(Result(Outcome.UNSENT))
            return
        self._unwritten.append(frames.message_frames(self._number, message, self._body_bytes))
        self._last_tag += 1
        self._in_flight[self._last_tag] = (message.message_id, tell)
        self.idle.clear()

    def flush(self) -> None:
        """Write what was made ready, in one go."""
        if self._unwritten:
            self._wire.write(b"".join(self._unwritten))
            self._unwritten.clear()

    def end(self, result: Result) -> None:
        """The channel is gone: that is what became of all that is in flight."""
        self._gone = True
        self._wire.forget(self._number, self)
        self.ended.set()
        for tag in list(self._in_flight):
            self._tell(tag, result)

    # --- what the wire says -------------------------------------------------------------------------

    def take(self, kind: int, payload: bytes) -> bool:
        """Take confirms, and what comes back. The only contents on this channel are those that came back.

        Nothing comes on it when it is closed: what has its number then belongs to the next channel.
        """
        if self._gone:
            return False
        if kind == frames.HEADER:
            self._note_return(payload)
            return True
        if kind != frames.METHOD:
            return True
        method = payload[:4]
        if method == frames.ACK:
            self._settle(payload, _CONFIRMED)
        elif method == frames.NACK:
            self._settle(payload, _NACKED)
        elif method != frames.RETURN:
            self._gone = self._gone or method in (frames.CHANNEL_CLOSE, frames.CHANNEL_CLOSE_OK)
            return False
        return True

    def lost(self) -> None:
        """The connection is gone: nobody knows of what is in flight."""
        self.end(LOST)

    def _settle(self, payload: bytes, result: Result) -> None:
        tag, multiple = frames.confirm_of(payload)
        if not multiple:
            self._tell(tag, result)
            return
        for each in list(takewhile(tag.__ge__, self._in_flight)):
            self._tell(each, result)

    def _tell(self, tag: int, result: Result) -> None:
        message_id, tell = self._in_flight.pop(tag, ("", None))
        if not self._in_flight:
            self.idle.set()
        if self._returned and message_id in self._returned:
            self._returned.remove(message_id)
            result = _RETURNED
        if tell is not None:
            tell(result)

    def _note_return(self, payload: bytes) -> None:
        """A message came back; its confirm comes next."""
        message_id = frames.message_id_of(payload)
        if message_id is not None:
            self._returned.append(message_id)
