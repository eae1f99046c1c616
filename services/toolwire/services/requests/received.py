"""A message that was delivered, and its lines while they are handled."""

import time
from collections.abc import Sequence

from toolwire.broker.consume import Delivery
from toolwire.broker.topology import PASSES
from toolwire.services.requests.admission import Admission
from toolwire.services.requests.hold import Hold

MOST_PASSES = 8
"""How often a line looks for a place elsewhere, before it waits for one as if it had come alone."""


def passes_of(delivery: Delivery) -> int:
    """How often the line of this message was passed on, as its header says."""
    passes = str(delivery.headers.get(PASSES, ""))
    return int(passes) if len(passes) == 1 and passes in "123456789" else 0


class Received:
    """One message whose lines are being handled, each on its own."""

    __slots__ = (
        "admission",
        "delivery",
        "given_back",
        "is_on_its_way",
        "lines",
        "lines_left",
        "lost",
        "since",
    )

    def __init__(self, delivery: Delivery, texts: Sequence[bytes], admission: Admission) -> None:
        self.delivery = delivery
        self.admission = admission
        self.since = time.monotonic()
        self.lines_left = len(texts)
        """How many are not over."""
        self.is_on_its_way = 0 < passes_of(delivery) < MOST_PASSES
        """A replica without a free place has passed it on, and this one may as well."""
        self.given_back = False
        """A line of it is to be delivered again, and the others with it."""
        self.lost = False
        """Handling a line of it was broken off."""
        self.lines = [Line(text, self) for text in texts]

    @property
    def has_company(self) -> bool:
        """Whether it holds several lines."""
        return len(self.lines) > 1

    async def settle(self) -> None:
        """Ack it, or give it back: once, however often this is said. Where a line was broken off, neither:
        without an ack the broker gives it to another replica.
        """
        if self.lost:
            return
        if self.given_back:
            # Rejecting counts toward the delivery limit on every RabbitMQ, so this cannot go on for ever.
            await self.delivery.reject(requeue=True)
        else:
            await self.delivery.ack()


class Line(Hold):
    """One line of a message."""

    __slots__ = ("_charged", "_message", "over", "passed_on", "passing_on", "text")

    def __init__(self, text: bytes, message: Received) -> None:
        super().__init__(movable=message.lines_left > 1 or message.is_on_its_way)
        self.text = text
        self.over = False
        self.passing_on = False
        self.passed_on = False
        """It was published again alone, though it is handled here as well."""
        self._message = message
        self._charged = len(text)

    def cover(self) -> None:
        """As of every request. What runs is bounded by places: its bytes hinder no other one's opening."""
        super().cover()
        charged, self._charged = self._charged, 0
        if charged:
            self._message.admission.leave(0, charged)

    def end(self) -> None:
        """Nothing more is done for it here."""
        self.over = True
        self._message.lines_left -= 1
        self._message.admission.leave(1, self._charged)
