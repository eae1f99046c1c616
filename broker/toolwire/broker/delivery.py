"""A message as it arrived."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from toolwire.broker.guard import Malformed, malformed_key
from toolwire.broker.link import LINK_ERRORS

_SETTLE_SECONDS = 5.0


class Receipt(Protocol):
    """What settles a delivery. Both return False where that is no longer possible."""

    async def ack(self) -> bool:
        """Handled."""
        ...

    async def reject(self, *, requeue: bool) -> bool:
        """Not handled: to be delivered again, or to be dead-lettered."""
        ...


@dataclass(slots=True)
class Delivery:
    """One message as it arrived. Nothing in it but the body's signature tells who sent it.

    `malformed` is the reason why the properties or the routing key could not be decoded; the properties
    are absent then. `redelivered`: it was delivered before, to anybody.
    """

    body: bytes
    type: str | None
    redelivered: bool
    exchange: str
    routing_key: str
    content_type: str | None = None
    content_encoding: str | None = None
    headers: Mapping[str, object] = field(default_factory=dict[str, object])
    malformed: str | None = None
    receipt: Receipt | None = None
    """None where nothing is to be acked."""

    _settled: bool = field(default=False, init=False)

    @property
    def settled(self) -> bool:
        """Whether it was acked, given back or given up."""
        return self._settled

    async def ack(self) -> bool:
        """Tell the broker that the message is handled. False if it may come again: its channel is gone.

        Never raises. Settling a second time does nothing (on the wire it would close the channel).
        """
        if self._settled:
            return False
        self._settled = True
        return self.receipt is None or await self.receipt.ack()

    async def reject(self, *, requeue: bool) -> bool:
        """Give the message back, which the delivery limit counts, or up (dead-lettered). Else as `ack`."""
        if self._settled:
            return False
        self._settled = True
        return self.receipt is None or await self.receipt.reject(requeue=requeue)


def received(message: DeliveredMessage, *, acks: bool) -> Delivery:
    """What aiormq fetched; what is consumed comes by the intake.

    Not through aio-pika's message, which raises on a delivery mode of 7.
    """
    properties = message.header.properties
    key = message.routing_key or ""
    tag = message.delivery_tag
    return Delivery(
        body=message.body,
        type=properties.message_type,
        redelivered=bool(message.redelivered),
        exchange=message.exchange or "",
        routing_key=key,
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        headers=properties.headers or {},
        malformed=_malformed(properties, key),
        receipt=_Tag(message.channel, tag) if acks and tag is not None else None,
    )


def _malformed(properties: Basic.Properties, key: str) -> str | None:
    if isinstance(properties, Malformed):
        return properties.reason
    return malformed_key(key)


@dataclass(frozen=True, slots=True)
class _Tag:
    """A delivery tag, good on its channel only."""

    channel: AbstractChannel
    number: int

    async def ack(self) -> bool:
        return await _written(self.channel.basic_ack(self.number, wait=False))

    async def reject(self, *, requeue: bool) -> bool:
        return await _written(self.channel.basic_reject(self.number, requeue=requeue, wait=False))


async def _written(sending: Awaitable[None]) -> bool:
    """Whether it could be put on the wire. On a dying connection nobody may ever take it there."""
    try:
        async with asyncio.timeout(_SETTLE_SECONDS):
            await sending
    except LINK_ERRORS:
        return False
    return True
