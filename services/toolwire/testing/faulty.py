"""A transport with faults: what is sent may be dropped or doubled, what arrives may be late or overtaken."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from toolwire.broker.consume import Delivery, Subscription
from toolwire.broker.errors import BrokerError
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Queue
from toolwire.broker.transport import Receiver, Sender, Transport

if TYPE_CHECKING:
    from toolwire.testing.faults import Faults

OVERTAKEN_WITHIN_S = 0.05
"""How long a message waits to be overtaken."""


class FaultyTransport:
    """Carries messages by `transport`, with `faults`."""

    def __init__(self, transport: Transport, faults: "Faults") -> None:
        self._transport = transport
        self._faults = faults

    def publisher(self, *, name: str, declare: Sequence[Queue] = ()) -> Sender:
        """A sender that loses and doubles messages."""
        return _FaultySender(self._transport.publisher(name=name, declare=declare), self._faults)

    def consumer(
        self, *, name: str, subscriptions: Sequence[Subscription], declare: Sequence[Queue] = ()
    ) -> Receiver:
        """A receiver to whose handlers messages come late and out of order."""
        arrivals = [_Arrivals(each.handler, self._faults) for each in subscriptions]
        late = [
            replace(each, handler=arrival.take) for each, arrival in zip(subscriptions, arrivals, strict=True)
        ]
        return _FaultyReceiver(
            self._transport.consumer(name=name, subscriptions=late, declare=declare), arrivals
        )


class _FaultySender:
    """Publishes what is not dropped, and some of it twice."""

    def __init__(self, inner: Sender, faults: "Faults") -> None:
        self._inner = inner
        self._faults = faults

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    @property
    def connected(self) -> bool:
        return self._inner.connected

    async def wait_connected(self, timeout: float) -> None:
        await self._inner.wait_connected(timeout)

    async def consumers(self, queue_name: str) -> int | None:
        return await self._inner.consumers(queue_name)

    async def publish(self, message: Outgoing, *, timeout: float) -> None:
        fate = self._faults.fate(message.type, "sent")
        if fate.dropped:
            await self._inner.wait_connected(timeout)
            self._faults.note("drop", message.type)
            return
        await self._inner.publish(message, timeout=timeout)
        if fate.duplicated:
            self._faults.note("duplicate", message.type)
            with suppress(BrokerError):  # the sender was told already that it is sent
                await self._inner.publish(message, timeout=timeout)


class _FaultyReceiver:
    """Consumes, but what arrives goes through `arrivals`."""

    def __init__(self, inner: Receiver, arrivals: Sequence["_Arrivals"]) -> None:
        self.on_ready: list[Callable[[Sequence[str]], None]] = inner.on_ready
        self._inner = inner
        self._arrivals = arrivals

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for arrival in self._arrivals:
            arrival.stop()
        await self._inner.__aexit__(kind, error, trace)

    @property
    def ready(self) -> bool:
        return self._inner.ready

    async def wait_ready(self, timeout: float) -> None:
        await self._inner.wait_ready(timeout)

    async def pause(self) -> None:
        await self._inner.pause()

    async def resume(self) -> None:
        await self._inner.resume()


class _Arrivals:
    """What has arrived for one handler, and is on its way to it. What never gets there stays un-acked."""

    def __init__(self, handler: Callable[[Delivery], None], faults: "Faults") -> None:
        self._handler = handler
        self._faults = faults
        self._timers: set[asyncio.TimerHandle] = set()
        self._stopped = False
        self._overtaken: Delivery | None = None
        """The one that waits for the next to go first."""

    def take(self, delivery: Delivery) -> None:
        """Take what the broker delivered."""
        if self._stopped:
            return
        kind = delivery.type or ""
        fate = self._faults.fate(kind, "received")
        if fate.reordered and self._overtaken is None:
            self._overtaken = delivery
            self._later(OVERTAKEN_WITHIN_S, lambda: self._release(delivery))
        elif fate.delay_s:
            self._faults.note("delay", kind)
            self._later(fate.delay_s, lambda: self._pass_on(delivery))
        else:
            self._pass_on(delivery)

    def stop(self) -> None:
        """Nothing arrives any more: the connection is about to be closed."""
        self._stopped = True
        for timer in self._timers:
            timer.cancel()

    def _pass_on(self, delivery: Delivery) -> None:
        self._handler(delivery)
        if (overtaken := self._overtaken) is not None:
            self._faults.note("reorder", overtaken.type or "")
            self._release(overtaken)

    def _release(self, delivery: Delivery) -> None:
        if self._overtaken is delivery:
            self._overtaken = None
            self._handler(delivery)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            call()

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)
