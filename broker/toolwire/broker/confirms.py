"""One channel in confirm mode: what became of a message, as a value."""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import Channel as RawChannel
from aiormq.exceptions import (
    AMQPChannelError,
    AMQPError,
    ChannelAccessRefused,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    DeliveryError,
    PublishError,
)
from pamqp.commands import Basic

from toolwire.broker.link import LINK_ERRORS, close_channel, is_cancelled, on_loss, raw_channel
from toolwire.broker.message import Outgoing

_PERSISTENT = 2
_GRACE_SECONDS = 0.1


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
    TIMED_OUT = auto()


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome and what the broker said."""

    outcome: Outcome
    said: str = ""


class ConfirmChannel:
    """Many messages in flight, each confirmed on its own.

    Used through aiormq's channel, because aio-pika's own publish always sends a priority.
    """

    def __init__(self, connection: AbstractConnection, channel: AbstractChannel, raw: RawChannel) -> None:
        self.connection = connection
        self.opened_at = asyncio.get_running_loop().time()
        self._channel = channel
        self._raw = raw
        self._time_limits: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._ended = asyncio.Event()
        on_loss(raw, self._release)

    @classmethod
    async def open(cls, connection: AbstractConnection) -> Self:
        """Open a channel on which unroutable messages raise instead of looking successful."""
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        return cls(connection, channel, await raw_channel(channel))

    @property
    def usable(self) -> bool:
        """Whether a message can still be sent on it."""
        return not self._raw.is_closed

    def retire(self) -> None:
        """Say that nothing more will be sent on it."""
        self._ended.set()

    async def ended(self) -> None:
        """Wait until the channel is lost or retired."""
        await self._ended.wait()

    async def close(self) -> None:
        """Close the channel, after the answers to what is in flight."""
        await self._idle.wait()
        await close_channel(self._channel)

    async def send(self, message: Outgoing, deadline: float) -> Result:
        """Send and wait for the broker's word until `deadline` (the loop's clock).

        The message is on its way to the wire, behind those sent before, when this first suspends.
        """
        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                self._enter(limit)
                await self._publish(message)
        except asyncio.CancelledError:
            # aiormq raises it for everything that is in flight when heartbeats stop.
            if is_cancelled():
                raise
            return Result(Outcome.UNKNOWN, "the connection was lost")
        except TimeoutError:
            return Result(Outcome.TIMED_OUT if self.usable else Outcome.UNKNOWN)
        except LINK_ERRORS as error:
            return _judge(error)
        finally:
            self._leave(limit)
        return Result(Outcome.CONFIRMED)

    async def _publish(self, message: Outgoing) -> None:
        await self._raw.basic_publish(
            message.body,
            exchange=message.route.exchange,
            routing_key=message.route.key,
            mandatory=message.mandatory,
            properties=Basic.Properties(
                content_type="application/jsonl",
                delivery_mode=_PERSISTENT,
                headers=dict(message.headers) or None,
                message_id=message.message_id,
                message_type=message.type,
            ),
            wait=False,
        )

    def _enter(self, limit: asyncio.Timeout) -> None:
        self._time_limits.add(limit)
        self._idle.clear()

    def _leave(self, limit: asyncio.Timeout) -> None:
        self._time_limits.discard(limit)
        if not self._time_limits:
            self._idle.set()

    def _release(self) -> None:
        """End the wait of those that aiormq forgets: they stand at a write queue that nobody empties."""
        self._ended.set()
        soon = asyncio.get_running_loop().time() + _GRACE_SECONDS
        for limit in self._time_limits:
            limit.reschedule(soon)


def _judge(error: BaseException) -> Result:
    said = str(error)
    match error:
        case PublishError():  # a subclass of DeliveryError, so it stands first
            return Result(Outcome.RETURNED, said)
        case DeliveryError():
            return Result(Outcome.NACKED, said)
        case ChannelAccessRefused():
            return Result(Outcome.DENIED, said)
        case ChannelNotFoundEntity():
            return Result(Outcome.NOWHERE, said)
        case ChannelInvalidStateError():
            return Result(Outcome.UNSENT, said)
        case AMQPChannelError():
            return Result(Outcome.CLOSED, said)
        case AMQPError() | OSError():
            return Result(Outcome.UNKNOWN, said)
        case _:
            return Result(Outcome.UNKNOWN, f"{type(error).__name__}: {said}")
