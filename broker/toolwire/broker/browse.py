"""Looking into a queue, which RabbitMQ offers only as taking messages and giving them back.

What is given back keeps its place, and is marked as redelivered; while the look lasts nobody else sees it.
Where the connection is lost meanwhile, a quorum queue may mix what was taken. RabbitMQ before 4.3 counts each
look as a delivery: a queue that is looked into needs a high delivery limit, or none.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aio_pika.abc import AbstractConnection
from aiormq import Channel as RawChannel
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import ChannelAccessRefused, ChannelLockedResource, ChannelNotFoundEntity

from toolwire.broker.delivery import Delivery, received
from toolwire.broker.errors import AccessDenied, Away, NoQueue
from toolwire.broker.link import LINK_ERRORS, Gate, Link, is_cancelled, raw_channel

_ANSWER_SECONDS = 10.0
_RETURN_SECONDS = 30.0
_MOMENT_SECONDS = 0.5
_IN_ORDER = 32


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in a queue, oldest first. What is acked leaves it, the rest is given back."""

    messages: tuple[Delivery, ...]
    left: int
    """How many more were in the queue, beyond what was asked for."""


@asynccontextmanager
async def looking_into(
    queue: str, urls: Sequence[str], *, name: str, most: int, most_bytes: int, timeout: float
) -> AsyncGenerator[Look]:
    """Take up to `most` messages, and no more once they have `most_bytes`; give them back at the end.

    Raises `NoQueue`, `AccessDenied`, and `Away` where no broker answers within `timeout` seconds. Where the
    connection is lost in the block, the broker takes everything back, and `ack` gives False.
    """
    opened: Gate[RawChannel] = Gate()

    async def session(connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=False)
        opened.open(await raw_channel(channel))
        try:
            await asyncio.Event().wait()  # until the link is closed or lost
        finally:
            opened.shut()

    link = Link(urls, name=name, session=session, on_trouble=opened.fail)
    link.start()
    try:
        try:
            async with asyncio.timeout(timeout):
                channel = await opened.wait()
        except TimeoutError:
            raise link.away(f"looking into {queue}", timeout) from None
        look = await _take(channel, queue, most, most_bytes)
        try:
            yield look
        finally:
            await _give_back(channel, queue, look.messages)
    finally:
        await link.close()


async def _take(channel: RawChannel, queue: str, most: int, most_bytes: int) -> Look:
    found: list[Delivery] = []
    size = left = 0
    while len(found) < most and size < most_bytes:
        message = await _get(channel, queue)
        if message.delivery_tag is None:
            return Look(tuple(found), 0)
        found.append(received(message, acks=True))
        size += len(message.body)
        left = message.message_count or 0
    return Look(tuple(found), left)


async def _get(channel: RawChannel, queue: str) -> DeliveredMessage:
    try:
        return await channel.basic_get(queue, timeout=_ANSWER_SECONDS)
    except ChannelNotFoundEntity as error:
        raise NoQueue(f"there is no queue {queue}") from error
    except (ChannelAccessRefused, ChannelLockedResource) as error:
        raise AccessDenied(f"queue {queue} is not for this user to look into: {error}") from error
    except TimeoutError as error:
        raise Away(
            f"looking into {queue}: the broker gave no answer within {_ANSWER_SECONDS:g} s. Nothing is lost. "
            "Try again; where it stays so, see whether the queue has a leader (rabbitmq-queues quorum_status)"
        ) from error
    except LINK_ERRORS as error:
        raise Away(f"looking into {queue}: {type(error).__name__}: {error}") from error
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise Away(f"looking into {queue}: the connection was lost") from error


async def _give_back(channel: RawChannel, queue: str, messages: Sequence[Delivery]) -> None:
    """Give back all that was not acked, in words: the loss of a channel counts as a failed delivery.

    Few at a time, and the next when these are there again: a quorum queue keeps what is taken in a map, which
    Erlang walks in order up to 32 keys, and where returns come quickly it makes one of several.
    """
    held = [tag for tag, message in enumerate(messages, 1) if not message.settled]
    if channel.is_closed:
        return
    with suppress(*LINK_ERRORS):
        async with asyncio.timeout(_RETURN_SECONDS):
            ready = await _ready(channel, queue)  # it also waits for the acks before it
            for first in range(0, len(held), _IN_ORDER):
                batch = held[first : first + _IN_ORDER]
                await channel.basic_nack(batch[-1], multiple=True, requeue=True, wait=False)
                ready += len(batch)
                await _wait_for(channel, queue, ready)


async def _wait_for(channel: RawChannel, queue: str, ready: int) -> None:
    """Wait until the queue has that many messages to give, or for a moment: others may take them."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_MOMENT_SECONDS):
            while await _ready(channel, queue) < ready:
                pass


async def _ready(channel: RawChannel, queue: str) -> int:
    return (await channel.queue_declare(queue, passive=True)).message_count or 0
