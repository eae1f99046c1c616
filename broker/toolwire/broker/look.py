"""Looks at a broker as this user sees it, and changes nothing there: for `toolwire doctor`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity, ChannelPreconditionFailed

from toolwire.broker.link import LINK_ERRORS, is_cancelled
from toolwire.broker.reach import Attempt, Reached, Stage
from toolwire.broker.topology import EXCHANGE_TYPE, EXCHANGES, REQUESTS, Queue

STEP_SECONDS = 3.0
NOWHERE = "~doctor"
"""A routing key that no queue is bound for: `~` occurs in no server's id."""


class State(StrEnum):
    """What became of the look at an exchange or a queue."""

    THERE = "there"
    """As we declare it."""
    OTHERWISE = "otherwise"
    """There, declared with other arguments (406)."""
    MISSING = "missing"
    FORBIDDEN = "forbidden"
    """This user may not look (403)."""
    UNKNOWN = "unknown"
    """No answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An exchange or a queue, as this user sees it. `sure`: whether its arguments could be compared."""

    name: str
    state: State
    said: str = ""
    sure: bool = False
    messages: int = 0
    consumers: int = 0


@dataclass(frozen=True, slots=True)
class BrokerLook:
    """What AMQP alone tells. `blocked`: whether an alarm holds publishers back; None: there was no look."""

    reached: tuple[Reached, ...]
    exchanges: tuple[Seen, ...] = ()
    queues: tuple[Seen, ...] = ()
    blocked: bool | None = None

    @property
    def open(self) -> Reached | None:
        """The first URL that led in."""
        return next((each for each in self.reached if each.stage is Stage.OPEN), None)


async def look_at(urls: Sequence[str], queues: Sequence[Queue]) -> BrokerLook:
    """Try every URL, and look at the exchanges and `queues` from the first that leads in."""
    tries = [Attempt(url) for url in urls]
    try:
        reached = tuple(await asyncio.gather(*(each.connect() for each in tries)))
        connection = next((each.connection for each in tries if each.connection is not None), None)
        if connection is None:
            return BrokerLook(reached)
        view = _View(connection)
        exchanges = [await view.exchange(name) for name in EXCHANGES]
        seen = [await view.queue(queue) for queue in queues]
        return BrokerLook(reached, tuple(exchanges), tuple(seen), await view.blocked())
    finally:
        await asyncio.gather(*(each.close() for each in tries))


class _View:
    """Passive declarations, each on a channel of its own: a refusal closes it.

    What is there is then declared as we declare it: on something that is there this changes nothing, and the
    broker compares the arguments (406 where one differs).
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    async def exchange(self, name: str) -> Seen:
        async def passively(channel: AbstractChannel) -> Seen:
            await channel.declare_exchange(name, EXCHANGE_TYPE, durable=True, passive=True)
            return Seen(name, State.THERE)

        async def compared(channel: AbstractChannel) -> None:
            await channel.declare_exchange(name, EXCHANGE_TYPE, durable=True)

        return await self._look(name, passively, compared)

    async def queue(self, queue: Queue) -> Seen:
        async def passively(channel: AbstractChannel) -> Seen:
            result = (await channel.declare_queue(queue.name, passive=True)).declaration_result
            return Seen(
                queue.name,
                State.THERE,
                messages=result.message_count or 0,
                consumers=result.consumer_count or 0,
            )

        async def compared(channel: AbstractChannel) -> None:
            await channel.declare_queue(queue.name, durable=queue.durable, arguments=dict(queue.arguments))

        return await self._look(queue.name, passively, compared)

    async def _look(
        self,
        name: str,
        passively: Callable[[AbstractChannel], Awaitable[Seen]],
        compared: Callable[[AbstractChannel], Awaitable[None]],
    ) -> Seen:
        found: list[Seen] = []

        async def first(channel: AbstractChannel) -> None:
            found.append(await passively(channel))

        state, said = await self._step(first)
        if state is not State.THERE:
            return Seen(name, state, said)
        state, said = await self._step(compared)
        there = found[0]
        told = State.OTHERWISE if state is State.OTHERWISE else State.THERE
        return Seen(name, told, said, state in _COMPARED, there.messages, there.consumers)

    async def _step(self, step: Callable[[AbstractChannel], Awaitable[None]]) -> tuple[State, str]:
        try:
            async with (
                asyncio.timeout(STEP_SECONDS),
                self._connection.channel(publisher_confirms=False) as channel,
            ):
                await step(channel)
        except ChannelNotFoundEntity as error:
            return State.MISSING, str(error)
        except ChannelAccessRefused as error:
            return State.FORBIDDEN, str(error)
        except ChannelPreconditionFailed as error:
            return State.OTHERWISE, str(error)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            return State.UNKNOWN, "the connection was lost"
        except LINK_ERRORS as error:
            return State.UNKNOWN, f"{type(error).__name__}: {error}"
        return State.THERE, ""

    async def blocked(self) -> bool:
        """Whether an alarm holds publishers back: the broker says so when they publish, not before.

        An empty message to nobody asks. Whatever comes of it, from a connection that it blocks the broker
        then reads nothing more, and opens no channel.
        """

        async def publish(channel: AbstractChannel) -> None:
            exchange = await channel.get_exchange(REQUESTS, ensure=False)
            await exchange.publish(aio_pika.Message(b""), NOWHERE, mandatory=False)

        async def nothing(_: AbstractChannel) -> None:
            return

        asked, _ = await self._step(publish)
        return asked is State.UNKNOWN or (await self._step(nothing))[0] is State.UNKNOWN


_COMPARED = frozenset({State.THERE, State.OTHERWISE})
