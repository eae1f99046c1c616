"""What carries messages between clients and services: RabbitMQ, unless a test gives something else.

A transport hands out senders and receivers. What each of them promises stands at `publish.Publisher` and
`consume.Consumer`, which are those of RabbitMQ; errors are the `BrokerError`s.
"""

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from toolwire.broker.consume import Consumer, Subscription
from toolwire.broker.message import Outgoing
from toolwire.broker.publish import Publisher
from toolwire.broker.topology import Queue


class Sender(Protocol):
    """Publishes with confirms; enter it to connect. `publish.Publisher` is the one for RabbitMQ."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    @property
    def connected(self) -> bool:
        """Whether a message would go out now."""
        ...

    async def wait_connected(self, timeout: float) -> None:
        """Wait until a message would go out. Raises a `BrokerError` after `timeout` seconds."""
        ...

    async def publish(self, message: Outgoing, *, timeout: float) -> None:
        """Return when `message` is confirmed. Raises a `BrokerError` after at most `timeout` seconds."""
        ...

    async def consumers(self, queue_name: str) -> int | None:
        """How many consumers a queue has. None: it is not there, or cannot be looked at."""
        ...


class Receiver(Protocol):
    """Keeps subscriptions consuming; enter it to connect. `consume.Consumer` is the one for RabbitMQ."""

    on_ready: list[Callable[[Sequence[str]], None]]
    """Called with the queues' names whenever all subscriptions have begun to consume."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    @property
    def ready(self) -> bool:
        """Whether every subscription is consuming."""
        ...

    async def wait_ready(self, timeout: float) -> None:
        """Wait until every subscription is consuming. Raises a `BrokerError` after `timeout` seconds."""
        ...

    async def pause(self) -> None:
        """Stop new deliveries. What was delivered can still be settled."""
        ...

    async def resume(self) -> None:
        """Consume again. Returns at once."""
        ...


class Transport(Protocol):
    """Makes senders and receivers. `name` is what the broker shows; `declare`: queues to be there first."""

    def publisher(self, *, name: str, declare: Sequence[Queue] = ()) -> Sender:
        """A sender, to be entered."""
        ...

    def consumer(
        self, *, name: str, subscriptions: Sequence[Subscription], declare: Sequence[Queue] = ()
    ) -> Receiver:
        """A receiver, to be entered."""
        ...


class AmqpTransport:
    """RabbitMQ at one of `urls`, which are the nodes of one cluster.

    `on_reconnect` hears which connection, `publish` or `consume`, was lost and is there again.
    """

    def __init__(self, urls: Sequence[str], *, on_reconnect: Callable[[str], None] | None = None) -> None:
        self._urls = tuple(urls)
        self._on_reconnect = on_reconnect

    def publisher(self, *, name: str, declare: Sequence[Queue] = ()) -> Publisher:
        """A publisher with a connection of its own."""
        return Publisher(self._urls, name=name, declare=declare, on_reconnect=self._hearing("publish"))

    def consumer(
        self, *, name: str, subscriptions: Sequence[Subscription], declare: Sequence[Queue] = ()
    ) -> Consumer:
        """A consumer with a connection of its own."""
        return Consumer(
            self._urls,
            name=name,
            subscriptions=subscriptions,
            declare=declare,
            on_reconnect=self._hearing("consume"),
        )

    def _hearing(self, link: str) -> Callable[[], None] | None:
        return None if self._on_reconnect is None else partial(self._on_reconnect, link)
