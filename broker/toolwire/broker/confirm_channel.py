"""A channel in confirm mode: aiormq opens and closes it, its messages go by the wire."""

import asyncio
from typing import Self

from aio_pika.abc import AbstractChannel
from aiormq import Channel as RawChannel
from aiormq.exceptions import (
    AMQPChannelError,
    ChannelAccessRefused,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
)

from toolwire.broker import frames
from toolwire.broker.confirms import LOST, Confirms, Outcome, Result, Tell
from toolwire.broker.link import close_channel, on_loss, raw_channel
from toolwire.broker.message import Outgoing
from toolwire.broker.wire import WiredConnection


class ConfirmChannel:
    """Many messages in flight, each confirmed on its own."""

    def __init__(self, connection: WiredConnection, channel: AbstractChannel, raw: RawChannel) -> None:
        self.connection = connection
        self.opened_at = asyncio.get_running_loop().time()
        self._channel = channel
        body_bytes = frames.body_bytes(raw.connection.connection_tune.frame_max)
        self._confirms = Confirms(connection.wire, raw.number, body_bytes)
        on_loss(raw, self._closed)

    @classmethod
    async def open(cls, connection: WiredConnection) -> Self:
        """Open a channel in confirm mode."""
        channel = await connection.channel(publisher_confirms=True)
        return cls(connection, channel, await raw_channel(channel))

    @property
    def usable(self) -> bool:
        """Whether a message can still be sent on it."""
        return self._confirms.usable

    def send(self, message: Outgoing, tell: Tell) -> None:
        """Make a message ready for `flush`, as `Confirms.send`."""
        self._confirms.send(message, tell)

    def flush(self) -> None:
        """Write what was made ready, in one go."""
        self._confirms.flush()

    def retire(self) -> None:
        """Say that nothing more will be sent on it."""
        self._confirms.ended.set()

    async def ended(self) -> None:
        """Wait until the channel is lost or retired."""
        await self._confirms.ended.wait()

    async def close(self) -> None:
        """Close the channel, after the answers to what is in flight."""
        await self._confirms.idle.wait()
        self._confirms.leave()
        await close_channel(self._channel)

    def _closed(self, error: BaseException | None) -> None:
        self._confirms.end(_judge(error))


def _judge(error: BaseException | None) -> Result:
    said = str(error)
    match error:
        case None:
            return LOST
        case ChannelAccessRefused():
            return Result(Outcome.DENIED, said)
        case ChannelNotFoundEntity():
            return Result(Outcome.NOWHERE, said)
        case ChannelInvalidStateError():
            return Result(Outcome.UNSENT, said)
        case AMQPChannelError():
            return Result(Outcome.CLOSED, said)
        case _:
            return Result(Outcome.UNKNOWN, f"{type(error).__name__}: {said}")
