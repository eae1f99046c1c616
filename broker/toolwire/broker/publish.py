"""Publishing: a message counts as sent when the broker has confirmed it."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aio_pika.abc import AbstractConnection

from toolwire.broker.confirms import ConfirmChannel, Outcome, Result
from toolwire.broker.declare import declare
from toolwire.broker.errors import AccessDenied, BrokerError, Misdeclared, Refused, Unconfirmed, Unroutable
from toolwire.broker.link import LINK_ERRORS, Gate, Link, is_cancelled, obey_cancellation
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Queue

__all__ = ["Outgoing", "Publisher"]

log = logging.getLogger("toolwire.broker")

_PATIENCE_SECONDS = 1.0
"""How long a message is tried again after a nack: a new leader is elected in less."""

_CHANNEL_LIFE_SECONDS = 0.1
"""How old a channel is at least when a nack replaces it, so that a full queue wears out few of them."""

_LOOK_SECONDS = 5.0


class Publisher:
    """Publishes over one supervised connection, with confirms. Hundreds of messages may be in flight.

    `declare`: queues to declare on every connection, beside the exchanges. `on_reconnect` is called when a
    connection that was lost is there again.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        name: str,
        declare: Sequence[Queue] = (),
        on_reconnect: Callable[[], None] | None = None,
    ) -> None:
        self._declare = tuple(declare)
        self._open: Gate[ConfirmChannel] = Gate()
        self._turn = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._link = Link(
            urls,
            name=name,
            session=self._session,
            on_trouble=self._open.fail,
            on_reconnect=on_reconnect,
        )

    async def __aenter__(self) -> Self:
        self._link.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.fail(self._link.closed)
        await self._link.close()

    @property
    def connected(self) -> bool:
        """Whether a message would go out now."""
        channel = self._open.value
        return channel is not None and channel.usable

    async def wait_connected(self, timeout: float) -> None:
        """Wait until a message would go out.

        Raises `Away` after `timeout` seconds, `AccessDenied` or `Misdeclared` as soon as the broker says
        so, and `Closed`.
        """
        await self._channel(asyncio.get_running_loop().time() + timeout, "waiting for the broker", timeout)

    async def publish(self, message: Outgoing, *, timeout: float) -> None:
        """Return when the broker has confirmed `message`.

        Messages of one task order go out in the order of the calls. Raises after at most `timeout`
        seconds: `Unroutable`, `Refused`, `AccessDenied`, `Unconfirmed` (it may have arrived), `Away` (it
        has not), `Closed`. While the connection is down the message waits; when its answer is lost, it is
        sent again with the same id, so that the receiver may see it twice.
        """
        now = asyncio.get_running_loop().time
        attempt = _Attempt(timeout, deadline=now() + timeout)
        while True:
            channel = await self._channel_for(message, attempt)
            result = await channel.send(message, attempt.deadline)
            if result.outcome in _CLOSING:
                # A channel dies with all that is in flight on it. Alone, a message speaks for itself.
                result = await self._send_alone(channel.connection, message, attempt.deadline)
            match result.outcome:
                case Outcome.CONFIRMED:
                    return
                case Outcome.NACKED if message.insist:
                    attempt.patience_ends = attempt.patience_ends or now() + _PATIENCE_SECONDS
                    await self._endure(channel, message, min(attempt.patience_ends, attempt.deadline))
                case Outcome.UNSENT | Outcome.UNKNOWN:
                    attempt.in_doubt = attempt.in_doubt or result.outcome is Outcome.UNKNOWN
                    self._shut(channel)
                case _:
                    raise _failure(message, result, timeout)

    async def consumers(self, queue_name: str) -> int | None:
        """How many consumers a queue has.

        None if it is not there, is not for us to see, or cannot be asked now (no connection, no answer
        within five seconds). The look has a channel of its own, because a refusal closes it.
        """
        channel = self._open.value
        if channel is None or not channel.usable:
            return None
        try:
            async with (
                asyncio.timeout(_LOOK_SECONDS),
                channel.connection.channel(publisher_confirms=False) as own,
            ):
                queue = await own.declare_queue(queue_name, passive=True)
        except (*LINK_ERRORS, asyncio.CancelledError):
            obey_cancellation()  # closing the channel may have raised something else on the way
            return None
        obey_cancellation()
        return queue.declaration_result.consumer_count

    # --- the channel --------------------------------------------------------------------------------

    async def _session(self, connection: AbstractConnection) -> None:
        """For the life of one connection: declare, then keep one good channel open."""
        try:
            await declare(connection, self._declare)
            while True:
                channel = await ConfirmChannel.open(connection)
                obey_cancellation()
                self._open.open(channel)
                await channel.ended()
                self._shut(channel)
                self._close_later(channel)
        except Misdeclared as error:
            log.error("%s", error)  # noqa: TRY400 - the text says it all
            self._open.fail(error)
            raise
        finally:
            self._open.shut()

    def _close_later(self, channel: ConfirmChannel) -> None:
        closing = asyncio.create_task(channel.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _shut(self, channel: ConfirmChannel) -> None:
        """Have `channel` replaced, unless it was already."""
        if self._open.value is channel:
            self._open.shut()
        channel.retire()

    async def _channel(self, deadline: float, what: str, timeout: float) -> ConfirmChannel:
        """The open channel. Who comes first gets it first, and sends before the next one looks."""
        try:
            async with asyncio.timeout_at(deadline), self._turn:
                while not (channel := await self._open.wait()).usable:
                    self._shut(channel)
                return channel
        except TimeoutError:
            raise self._link.away(what, timeout) from None

    async def _channel_for(self, message: Outgoing, attempt: "_Attempt") -> ConfirmChannel:
        what = f"message {message.message_id} to {message.route.exchange}"
        try:
            return await self._channel(attempt.deadline, what, attempt.timeout)
        except BrokerError as error:
            if attempt.in_doubt:
                raise Unconfirmed(f"{error}; an earlier attempt may have arrived") from error
            raise

    async def _send_alone(self, connection: AbstractConnection, message: Outgoing, deadline: float) -> Result:
        """Send on a channel of its own, so that what closes it is this message's doing."""
        try:
            async with asyncio.timeout_at(deadline):
                channel = await ConfirmChannel.open(connection)
        except TimeoutError:
            return Result(Outcome.TIMED_OUT)
        except LINK_ERRORS as error:
            return Result(Outcome.UNSENT, str(error))
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            return Result(Outcome.UNSENT)
        try:
            return await channel.send(message, deadline)
        finally:
            self._close_later(channel)

    async def _endure(self, channel: ConfirmChannel, message: Outgoing, until: float) -> None:
        """Wait a little before the next try after a nack, and have it made on a new channel.

        On 3.10 to 3.12.4 a channel whose first message met a dead leader is nacked until that node is
        back, while a new channel finds the new leader.
        """
        now = asyncio.get_running_loop().time()
        if now >= until:
            raise Refused(
                f"{_told(message)} was refused by the broker: its queue is full, or has no leader at the"
                " moment. Try again later"
            )
        if now - channel.opened_at > _CHANNEL_LIFE_SECONDS:
            self._shut(channel)
        await asyncio.sleep(random.uniform(0.05, 0.25))  # noqa: S311 - spreads retries, keeps no secret


@dataclass(slots=True)
class _Attempt:
    """How far one call of `publish` is."""

    timeout: float
    deadline: float
    in_doubt: bool = False
    patience_ends: float | None = None


_CLOSING = {Outcome.DENIED, Outcome.NOWHERE, Outcome.CLOSED}


def _told(message: Outgoing) -> str:
    return f"message {message.message_id} to {message.route.exchange}, key {message.route.key!r},"


def _failure(message: Outgoing, result: Result, timeout: float) -> BrokerError:
    told = _told(message)
    match result.outcome:
        case Outcome.RETURNED:
            return Unroutable(f"{told} came back: no queue is bound there")
        case Outcome.NOWHERE:
            return Unroutable(f"{told} went nowhere: {result.said}")
        case Outcome.DENIED:
            return AccessDenied(f"{told} is not allowed: {result.said}")
        case Outcome.TIMED_OUT:
            return Unconfirmed(f"{told} was not confirmed within {timeout:g} s; it may have arrived")
        case _:
            return Refused(f"{told} was refused by the broker: {result.said}")
