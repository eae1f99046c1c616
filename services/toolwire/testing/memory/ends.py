"""What programs hold of the broker in memory: a sender and a receiver, each like a connection of its own."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from toolwire.broker.consume import Subscription
from toolwire.broker.delivery import Delivery
from toolwire.broker.errors import Away, BrokerError, Closed
from toolwire.broker.link import Gate
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Queue
from toolwire.contracts.lines import CONTENT_TYPE
from toolwire.testing.memory.queues import Item, MemoryQueue

if TYPE_CHECKING:
    from toolwire.testing.memory.broker import MemoryBroker

log = logging.getLogger("toolwire.broker")

AGAIN_S = 0.1
"""How long until a subscription that was refused is tried again."""


class MemorySender:
    """Publishes. What `publish.Publisher` promises holds here too."""

    def __init__(self, broker: "MemoryBroker", name: str, declare: Sequence[Queue]) -> None:
        self._broker = broker
        self._name = name
        self._declare = declare
        self._error: BrokerError | None = Away(f"{name} is not open")

    async def __aenter__(self) -> Self:
        self._broker.join()
        try:
            for queue in self._declare:
                self._broker.declare(queue, self)
            self._error = None
        except BrokerError as error:
            self._error = error
        return self

    async def __aexit__(self, *_: object) -> None:
        self._error = Closed(f"{self._name} is closed")
        self._broker.forget(self)

    @property
    def connected(self) -> bool:
        """Whether it is open."""
        return self._error is None

    async def wait_connected(self, timeout: float) -> None:  # noqa: ARG002 - it is decided at once
        """Raise why it is not open, if so."""
        if self._error is not None:
            raise self._error

    async def publish(self, message: Outgoing, *, timeout: float) -> None:  # noqa: ARG002 - the same
        """Route `message`, and let others run before it is confirmed, as on a wire."""
        if self._error is not None:
            raise self._error
        self._broker.publish(message)
        await asyncio.sleep(0)

    async def consumers(self, queue_name: str) -> int | None:
        """How many consumers a queue has; None where there is no such queue."""
        return self._broker.consumers(queue_name) if self.connected else None


class MemoryReceiver:
    """Keeps subscriptions consuming. What `consume.Consumer` promises holds here too."""

    def __init__(
        self,
        broker: "MemoryBroker",
        name: str,
        subscriptions: Sequence[Subscription],
        declare: Sequence[Queue],
    ) -> None:
        self.on_ready: list[Callable[[Sequence[str]], None]] = []
        self._broker = broker
        self._name = name
        self._declare = declare
        self._seats = [_Seat(each) for each in subscriptions]
        self._ready: Gate[Sequence[str]] = Gate()
        self._soon: asyncio.Handle | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        self._broker.join()
        for seat in self._seats:
            seat.context = copy_context()
        await self.resume()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._cancel()
        self._ready.fail(Closed(f"{self._name} is closed"))
        for seat in self._seats:
            seat.leave()
        self._broker.forget(self)

    @property
    def ready(self) -> bool:
        """Whether every subscription is consuming."""
        return self._ready.value is not None

    async def wait_ready(self, timeout: float) -> None:
        """Wait until every subscription is consuming. `AccessDenied`, `Misdeclared`, `Away`, `Closed`."""
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            raise Away(f"{self._name} does not consume after {timeout:g} s") from None

    async def pause(self) -> None:
        """Give no more to the handlers. What they have can still be settled."""
        self._cancel()
        self._ready.shut()
        for seat in self._seats:
            seat.stop()

    async def resume(self) -> None:
        """Consume again, soon. When it is closed, that does nothing."""
        self._cancel()
        if not self._closed:
            self._soon = asyncio.get_running_loop().call_soon(self._sit)

    def _sit(self) -> None:
        """Begin with every subscription that is not consuming; those that are refused are tried again."""
        try:
            for queue in self._declare:
                self._broker.declare(queue, self)
            for seat in self._seats:
                seat.sit(self._broker, self)
        except BrokerError as error:
            self._ready.fail(error)
            self._soon = asyncio.get_running_loop().call_later(AGAIN_S, self._sit)
            return
        names = [seat.queue.declared.name for seat in self._seats if seat.queue is not None]
        self._ready.open(names)
        for call in self.on_ready:
            call(names)

    def _cancel(self) -> None:
        if self._soon is not None:
            self._soon.cancel()


class _Seat:
    """One subscription: its queue, and what it was given of it and has not settled."""

    def __init__(self, subscription: Subscription) -> None:
        self.queue: MemoryQueue | None = None
        self.context: Context
        """Of who entered the receiver: a sender's context variables do not cross a broker."""
        self._subscription = subscription
        self._held: list[Item] = []

    # --- for the receiver ---

    def sit(self, broker: "MemoryBroker", owner: object) -> None:
        """Consume, unless it does so already. Raises what the broker says."""
        queue = self.queue or broker.declare(self._subscription.queue(), owner)
        if self not in queue.consumers:
            queue.consume(self)
        self.queue = queue

    def stop(self) -> None:
        """Take no more."""
        if self.queue is not None:
            self.queue.cancel(self)

    def leave(self) -> None:
        """The connection is gone: what is not settled goes back to the queue, in its order."""
        queue, self.queue = self.queue, None
        if queue is None:
            return
        queue.cancel(self)
        for item in reversed(self._held):
            queue.take_back(item)
        self._held.clear()
        queue.hand_out()

    # --- for the queue ---

    @property
    def free(self) -> bool:
        """Whether it may hold one more."""
        limit = self._subscription.prefetch if self._subscription.acks else 0
        return not limit or len(self._held) < limit

    def take(self, item: Item) -> None:
        """Take one: the handler gets it in a later turn of the loop."""
        if self._subscription.acks:
            self._held.append(item)
        asyncio.get_running_loop().call_soon(self._handle, item, context=self.context)

    def _handle(self, item: Item) -> None:
        if self.queue is None:  # it left in the meantime; what it held is back in the queue
            return
        message = item.message
        delivery = Delivery(
            body=message.body,
            type=message.type,
            redelivered=item.returns > 0,
            exchange=message.route.exchange,
            routing_key=message.route.key,
            content_type=CONTENT_TYPE,
            headers=message.headers,
            receipt=_Receipt(self, item) if self._subscription.acks else None,
        )
        try:
            self._subscription.handler(delivery)
        except Exception:
            log.exception("the handler of %s failed: the message is given up", delivery.exchange)
            self.settle(item, requeue=False)

    # --- for the handler ---

    def settle(self, item: Item, *, requeue: bool | None) -> bool:
        """Be done with an item: None, it was handled. False where it went back to the queue long ago."""
        if self.queue is None or item not in self._held:
            return False
        self._held.remove(item)
        if requeue:
            self.queue.take_back(item)
        elif requeue is not None:
            self.queue.give_up(item)
        self.queue.hand_out()
        return True


@dataclass(frozen=True, slots=True)
class _Receipt:
    """What settles one delivery, for as long as its consumer is there."""

    seat: _Seat
    item: Item

    async def ack(self) -> bool:
        return self.seat.settle(self.item, requeue=None)

    async def reject(self, *, requeue: bool) -> bool:
        return self.seat.settle(self.item, requeue=requeue)
