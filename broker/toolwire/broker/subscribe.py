"""One subscription, kept alive on one connection after another."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex

from aiormq import Channel as RawChannel
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import ChannelAccessRefused, ChannelLockedResource, ChannelNotFoundEntity
from pamqp.commands import Basic

from toolwire.broker.declare import declare
from toolwire.broker.delivery import Delivery
from toolwire.broker.errors import AccessDenied, BrokerError
from toolwire.broker.intake import Intake
from toolwire.broker.link import (
    LINK_ERRORS,
    backoff,
    close_channel,
    is_cancelled,
    obey_cancellation,
    on_loss,
    raw_channel,
)
from toolwire.broker.topology import Queue
from toolwire.broker.wire import WiredConnection

log = logging.getLogger("toolwire.broker")

_PATIENCE_SECONDS = 5.0
"""How long the declaration of a queue may take that another one can stand in for. That its node is down is
said at once by 3.x, and after a minute by 4.3."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What to consume.

    `queue` is called for every channel, so that it can give a fresh name. `handler` is a plain function,
    called in the order of arrival; what takes time it starts as a task of its own, because nothing else is
    read meanwhile. A handler that raises costs its message: it is rejected without requeueing. `prefetch`:
    how many may be un-acked. `acks=False`: the broker counts a message as handled when it is sent. `instead`
    gives the queue to consume, until the channel is lost, where the other one lives on a node of the cluster
    that is down.
    """

    queue: Callable[[], Queue]
    prefetch: int
    handler: Callable[[Delivery], None]
    acks: bool = True
    instead: Callable[[], Queue] | None = None


class Keeper:
    """Keeps one subscription consuming, or paused, as wanted."""

    def __init__(
        self,
        subscription: Subscription,
        changed: Callable[[], None],
        failed: Callable[[BrokerError], None],
    ) -> None:
        self.consuming: str | None = None
        """The name of the queue, while it is consumed."""
        self._subscription = subscription
        self._changed = changed
        self._failed = failed
        self._wanted = True
        self._stirred = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def want(self, *, consuming: bool) -> None:
        """Consume, or pause."""
        self._wanted = consuming
        self._stirred.set()

    async def idle(self) -> None:
        """Wait until the subscription is not consuming."""
        await self._idle.wait()

    async def keep(self, connection: WiredConnection) -> None:
        """Consume on `connection`, on one channel after another, until cancelled."""
        for pause in backoff():
            try:
                await self._hold_channel(connection, await self._declared(connection))
            except BrokerError as error:
                log.error("%s", error)  # noqa: TRY400 - the text says it all
                self._failed(error)
            except LINK_ERRORS as error:
                log.warning("consuming: %s: %s", type(error).__name__, error)
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
            finally:
                self._note(None)
            obey_cancellation()
            await asyncio.sleep(pause)

    async def _declared(self, connection: WiredConnection) -> Queue:
        """The queue to consume, declared."""
        queue, instead = self._subscription.queue(), self._subscription.instead
        try:
            async with asyncio.timeout(None if instead is None else _PATIENCE_SECONDS):
                await declare(connection, [queue], exchanges=False)
        except (ChannelNotFoundEntity, TimeoutError):
            if instead is None:
                raise
            log.warning("queue %s is out of reach: its node is down, another queue stands in", queue.name)
            queue = instead()
            await declare(connection, [queue], exchanges=False)
        return queue

    async def _hold_channel(self, connection: WiredConnection, queue: Queue) -> None:
        """Consume `queue` on one channel. Returns when it is lost or the broker cancels the consumer."""
        channel = await connection.channel(publisher_confirms=False)
        try:
            if self._subscription.acks:
                await channel.set_qos(prefetch_count=self._subscription.prefetch)
            raw = await raw_channel(channel)
            subscription = self._subscription
            intake = Intake(connection.wire, raw.number, subscription.handler, acks=subscription.acks)
            on_loss(raw, lambda _: intake.lost())
            try:
                await self._follow(raw, intake, queue)
            finally:
                intake.close()
        except (ChannelAccessRefused, ChannelLockedResource) as error:
            raise AccessDenied(f"queue {queue.name} cannot be consumed: {error}") from error
        finally:
            if not is_cancelled():  # else the connection is closed next, and the channel with it
                await close_channel(channel)

    async def _follow(self, raw: RawChannel, intake: Intake, queue: Queue) -> None:
        """Do what is wanted, whenever something has changed."""
        cancelled_tags: set[str | None] = set()

        def cancelled(frame: Basic.Cancel) -> None:
            cancelled_tags.add(frame.consumer_tag)
            self._stirred.set()

        raw.on_consumer_cancel_callbacks.add(cancelled)
        on_loss(raw, lambda _: self._stirred.set())
        tag: str | None = None
        while not raw.is_closed and tag not in cancelled_tags:
            self._stirred.clear()
            if self._wanted and tag is None:
                tag = await self._consume(raw, intake, queue)
                self._note(queue.name)
            elif not self._wanted and tag is not None:
                await raw.basic_cancel(tag)
                tag = None
                self._note(None)
            obey_cancellation()
            await self._stirred.wait()

    async def _consume(self, raw: RawChannel, intake: Intake, queue: Queue) -> str:
        tag = f"toolwire.{token_hex(16)}"
        intake.expect(tag)  # the first message may come together with the broker's consent
        await raw.basic_consume(
            queue.name,
            _overlook,
            no_ack=not self._subscription.acks,
            exclusive=queue.exclusive_consumer,
            consumer_tag=tag,
        )
        return tag

    def _note(self, consuming: str | None) -> None:
        if consuming == self.consuming:
            return
        self.consuming = consuming
        if consuming is None:
            self._idle.set()
        else:
            self._idle.clear()
        self._changed()


async def _overlook(message: DeliveredMessage) -> None:
    """What aiormq is given for a callback: the intake takes every message, before aiormq sees it."""
