"""The broker: exchanges, queues, bindings, and who may have what."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from toolwire.broker.consume import Subscription
from toolwire.broker.errors import AccessDenied, Misdeclared, Refused, Unroutable
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import EXCHANGES, Binding, Queue, Route
from toolwire.contracts.errors import UsageError
from toolwire.testing.memory.ends import MemoryReceiver, MemorySender
from toolwire.testing.memory.queues import MemoryQueue
from toolwire.testing.memory.routing import fits


class MemoryBroker:
    """A `Transport` for the clients and services of one event loop. Nothing in it outlives the object.

    Who opens a client or a service on it in another loop gets `UsageError`: a `SyncClient` has its own.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: dict[str, MemoryQueue] = {}
        self._bindings: dict[tuple[Binding, str], MemoryQueue] = {}
        """By binding and by the name of the queue: binding twice is binding once."""

    # --- a transport ---

    def publisher(self, *, name: str, declare: Sequence[Queue] = ()) -> MemorySender:
        """What publishes here."""
        return MemorySender(self, name, declare)

    def consumer(
        self, *, name: str, subscriptions: Sequence[Subscription], declare: Sequence[Queue] = ()
    ) -> MemoryReceiver:
        """What consumes here."""
        return MemoryReceiver(self, name, subscriptions, declare)

    # --- a look inside ---

    def consumers(self, queue_name: str) -> int | None:
        """How many consumers a queue has; None where there is no such queue."""
        queue = self._queues.get(queue_name)
        return None if queue is None else len(queue.consumers)

    def waiting(self, queue_name: str) -> list[Outgoing]:
        """The messages that wait in a queue, oldest first; those that a consumer holds are not among them."""
        queue = self._queues.get(queue_name)
        return [] if queue is None else [item.message for item in queue.ready]

    # --- what connections ask for ---

    def join(self) -> None:
        """A connection is opened. `UsageError` where the others live in another event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is None or self._loop.is_closed():
            self._loop = loop
        if self._loop is not loop:
            raise UsageError(
                "a MemoryBroker serves one event loop: open its clients and services in the same"
            )

    def declare(self, wanted: Queue, owner: object) -> MemoryQueue:
        """The queue, made and bound where it is not there. `Misdeclared`, `AccessDenied`."""
        queue = self._queues.get(wanted.name)
        if queue is None:
            queue = self._queues[wanted.name] = MemoryQueue(wanted, owner, self._dead_letter)
        elif queue.declared.exclusive and queue.owner is not owner:
            raise AccessDenied(f"queue {wanted.name} belongs to another connection alone")
        elif _nature(queue.declared) != _nature(wanted):
            raise Misdeclared(f"queue {wanted.name} exists and was declared otherwise")
        for binding in wanted.bindings:
            self._bindings[binding, wanted.name] = queue
        return queue

    def publish(self, message: Outgoing) -> None:
        """Route a message. Raises `Unroutable`, and `Refused` where a queue is full."""
        told = f"message {message.message_id} to {message.route.exchange}, key {message.route.key!r},"
        if message.route.exchange not in EXCHANGES:
            raise Unroutable(f"{told} went nowhere: there is no such exchange")
        queues = self._bound(message.route)
        if not queues and message.mandatory:
            raise Unroutable(f"{told} came back: no queue is bound there")
        refusing = [queue for queue in queues if queue.refuses]
        for queue in queues:
            if queue not in refusing:
                queue.put(message)
        if refusing:
            raise Refused(f"{told} was refused: queue {refusing[0].declared.name} is full. Try again later")

    def forget(self, owner: object) -> None:
        """A connection is gone, and its exclusive queues with it."""
        for queue in list(self._queues.values()):
            if queue.declared.exclusive and queue.owner is owner:
                self.delete(queue)

    def delete(self, queue: MemoryQueue) -> None:
        """Delete a queue with all that is in it."""
        self._queues.pop(queue.declared.name, None)
        self._bindings = {key: bound for key, bound in self._bindings.items() if bound is not queue}

    def _bound(self, route: Route) -> list[MemoryQueue]:
        """The queues that a message goes to, each once."""
        found = {
            name: queue
            for (binding, name), queue in self._bindings.items()
            if binding.exchange == route.exchange and fits(binding.key, route.key)
        }
        return list(found.values())

    def _dead_letter(self, message: Outgoing, queue: MemoryQueue, reason: str) -> None:
        """Publish what a queue gave up where its declaration says, with the headers of RabbitMQ."""
        exchange = queue.declared.arguments.get("x-dead-letter-exchange")
        if exchange is None:
            return
        died = {
            "x-first-death-exchange": message.route.exchange,
            "x-first-death-queue": queue.declared.name,
            "x-first-death-reason": reason,
        }
        for bound in self._bound(route := Route(str(exchange), message.route.key)):
            bound.put(replace(message, route=route, headers={**died, **message.headers}))


def _nature(queue: Queue) -> object:
    """What a second declaration must repeat."""
    return queue.durable, queue.exclusive, queue.auto_delete, dict(queue.arguments)
