"""Consuming: deliveries are handed to plain functions, and acked when their work is done."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from toolwire.broker.declare import declare
from toolwire.broker.delivery import Delivery
from toolwire.broker.errors import Misdeclared
from toolwire.broker.link import Gate, Link
from toolwire.broker.subscribe import Keeper, Subscription
from toolwire.broker.topology import Queue
from toolwire.broker.wire import WiredConnection

__all__ = ["Consumer", "Delivery", "Subscription"]

log = logging.getLogger("toolwire.broker")

_PAUSE_SECONDS = 5.0


class Consumer:
    """Keeps its subscriptions consuming over one supervised connection.

    Each has a channel of its own, rebuilt with a new consumer tag when the connection or the channel is
    lost or the broker cancels the consumer; a delivery of an earlier channel can no longer be acked and
    comes again. `declare`: queues to declare on every connection beside the exchanges and those of the
    subscriptions. `on_ready`: functions that are called with the queues' names, in the order of the
    subscriptions, whenever all of them have begun to consume, again after every reconnect. `on_reconnect` is
    called when a connection that was lost is there again.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        name: str,
        subscriptions: Sequence[Subscription],
        declare: Sequence[Queue] = (),
        on_reconnect: Callable[[], None] | None = None,
    ) -> None:
        self.on_ready: list[Callable[[Sequence[str]], None]] = []
        self._declare = tuple(declare)
        self._ready: Gate[Sequence[str]] = Gate()
        self._keepers = [Keeper(each, self._changed, self._ready.fail) for each in subscriptions]
        self._link = Link(
            urls,
            name=name,
            session=self._session,
            on_trouble=self._ready.fail,
            on_reconnect=on_reconnect,
        )

    async def __aenter__(self) -> Self:
        self._link.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._link.close()
        self._ready.fail(self._link.closed)

    @property
    def ready(self) -> bool:
        """Whether every subscription is consuming."""
        return self._ready.value is not None

    async def wait_ready(self, timeout: float) -> None:
        """Wait until every subscription is consuming.

        Raises `Away` after `timeout` seconds; `AccessDenied` or `Misdeclared` as soon as the broker says
        so (the attempts go on); `Closed`.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            raise self._link.away("waiting to consume", timeout) from None

    async def pause(self) -> None:
        """Stop new deliveries. What was delivered can still be acked; some may still be on their way.

        Returns when the broker has cancelled the consumers, or after five seconds without its answer.
        """
        for keeper in self._keepers:
            keeper.want(consuming=False)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE_SECONDS):
                for keeper in self._keepers:
                    await keeper.idle()

    async def resume(self) -> None:
        """Consume again, with new tags. Returns at once: `wait_ready` tells when it is so."""
        for keeper in self._keepers:
            keeper.want(consuming=True)

    async def _session(self, connection: WiredConnection) -> None:
        """For the life of one connection: declare, then keep every subscription."""
        try:
            await declare(connection, self._declare)
        except Misdeclared as error:
            log.error("%s", error)  # noqa: TRY400 - the text says it all
            self._ready.fail(error)
            raise
        async with asyncio.TaskGroup() as keeping:
            for keeper in self._keepers:
                keeping.create_task(keeper.keep(connection))

    def _changed(self) -> None:
        names = [keeper.consuming for keeper in self._keepers if keeper.consuming is not None]
        if len(names) < len(self._keepers):
            self._ready.shut()
            return
        self._ready.open(names)
        for call in self.on_ready:
            call(names)
