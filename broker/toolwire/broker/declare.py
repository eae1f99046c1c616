"""Carries the topology to a broker: exchanges, queues and bindings, again on every connection."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed

from toolwire.broker.errors import Misdeclared
from toolwire.broker.link import obey_cancellation
from toolwire.broker.topology import EXCHANGE_TYPE, EXCHANGES, Queue

log = logging.getLogger("toolwire.broker")

Step = Callable[[AbstractChannel], Awaitable[object]]


async def declare(connection: AbstractConnection, queues: Sequence[Queue], *, exchanges: bool = True) -> None:
    """Declare the exchanges (unless told not to) and `queues` with their bindings.

    What the user may not declare counts as provided by an administrator. Raises `Misdeclared`.
    """
    steps = _Steps(connection)
    if exchanges:
        for name in EXCHANGES:
            await steps.take(f"exchange {name}", _declare_exchange(name))
    for queue in queues:
        await steps.take(f"queue {queue.name}", _declare_queue(queue))
    await steps.close()
    obey_cancellation()


def _declare_exchange(name: str) -> Step:
    return lambda channel: channel.declare_exchange(name, EXCHANGE_TYPE, durable=True)


def _declare_queue(queue: Queue) -> Step:
    async def step(channel: AbstractChannel) -> None:
        declared = await channel.declare_queue(
            queue.name,
            durable=queue.durable,
            exclusive=queue.exclusive,
            auto_delete=queue.auto_delete,
            arguments=dict(queue.arguments),
        )
        for binding in queue.bindings:
            await declared.bind(binding.exchange, binding.key)

    return step


class _Steps:
    """Takes steps on one channel, and on a new one after each refusal, which closes the channel."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._channel: AbstractChannel | None = None

    async def take(self, what: str, step: Step) -> None:
        if self._channel is None:
            self._channel = await self._connection.channel(publisher_confirms=False)
        try:
            await step(self._channel)
        except ChannelAccessRefused as error:
            self._channel = None
            log.info("%s is not ours to declare, an administrator provides it: %s", what, error)
        except ChannelPreconditionFailed as error:
            self._channel = None
            raise Misdeclared(
                f"{what} exists and was declared otherwise: {error}. Delete it, when it is empty, and it is"
                " declared anew; limits are changed by a policy, not by a declaration"
            ) from error

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
