"""One queue: what waits in it, who consumes it, and what becomes of what is handed out."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from toolwire.broker.errors import AccessDenied
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Queue


@dataclass(slots=True, eq=False)
class Item:
    """A message in a queue. `returns`: how often it was handed out and came back."""

    message: Outgoing
    returns: int = 0


class Taker(Protocol):
    """A consumer, as a queue sees it."""

    @property
    def free(self) -> bool:
        """Whether it may be given one more."""
        ...

    def take(self, item: Item) -> None:
        """Be given one."""
        ...


DeadLetter = Callable[[Outgoing, "MemoryQueue", str], None]
"""Called with a message that a queue gives up, and the reason in RabbitMQ's word."""


class MemoryQueue:
    """A queue as it was declared. `owner` is the connection that an exclusive one belongs to."""

    def __init__(self, declared: Queue, owner: object, dead_letter: DeadLetter) -> None:
        self.declared = declared
        self.owner = owner
        self.ready: deque[Item] = deque()
        self.consumers: list[Taker] = []
        self._dead_letter = dead_letter

    @property
    def refuses(self) -> bool:
        """Whether it would not take one more message: what is handed out does not count."""
        overflow = self.declared.arguments.get("x-overflow")
        return overflow == "reject-publish" and any(held >= limit for held, limit in self._levels())

    def put(self, message: Outgoing) -> None:
        """Take a message, and let go of the oldest where there is no room."""
        self.ready.append(Item(message))
        self.hand_out()
        while any(held > limit for held, limit in self._levels()):
            self._dead_letter(self.ready.popleft().message, self, "maxlen")

    def consume(self, taker: Taker) -> None:
        """Give messages to one more consumer. `AccessDenied` where another one wants to be alone."""
        if self.declared.exclusive_consumer and self.consumers:
            raise AccessDenied(
                f"queue {self.declared.name} cannot be consumed: it has a consumer that is the only one"
            )
        self.consumers.append(taker)
        self.hand_out()

    def cancel(self, taker: Taker) -> None:
        """Give that consumer no more."""
        if taker in self.consumers:
            self.consumers.remove(taker)

    def hand_out(self) -> None:
        """Give what waits to the consumers that may have more, in turn."""
        while self.ready and (taker := self._next_free()) is not None:
            taker.take(self.ready.popleft())

    def take_back(self, item: Item) -> None:
        """Put an item back at the head, or give it up where it came back too often."""
        item.returns += 1
        limit = self.declared.arguments.get("x-delivery-limit")
        if limit is not None and item.returns > int(limit):
            self._dead_letter(item.message, self, "delivery_limit")
        else:
            self.ready.appendleft(item)

    def give_up(self, item: Item) -> None:
        """A consumer will not have it: dead-letter it."""
        self._dead_letter(item.message, self, "rejected")

    def _next_free(self) -> Taker | None:
        for taker in self.consumers:
            if taker.free:
                self.consumers.remove(taker)
                self.consumers.append(taker)
                return taker
        return None

    def _levels(self) -> Iterator[tuple[int, int]]:
        """What waits and what may wait, in messages and in bytes, where there is a limit."""
        if (count := self.declared.arguments.get("x-max-length")) is not None:
            yield len(self.ready), int(count)
        if (size := self.declared.arguments.get("x-max-length-bytes")) is not None:
            yield sum(len(item.message.body) for item in self.ready), int(size)
