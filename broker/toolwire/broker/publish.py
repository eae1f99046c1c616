"""Publishing: a message counts as sent when the broker has confirmed it."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from toolwire.broker.confirm_channel import ConfirmChannel
from toolwire.broker.confirms import Outcome, Result
from toolwire.broker.deadlines import Deadlines
from toolwire.broker.declare import declare
from toolwire.broker.errors import BrokerError, Misdeclared
from toolwire.broker.failures import doubting, failure, unconfirmed, unread
from toolwire.broker.gather import Caller, Gathering, Parcel, Stage
from toolwire.broker.link import LINK_ERRORS, Gate, Link, is_cancelled, obey_cancellation
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Queue
from toolwire.broker.wire import WiredConnection

__all__ = ["Outgoing", "Publisher"]

log = logging.getLogger("toolwire.broker")

_PATIENCE_SECONDS = 1.0
"""How long a message is tried again after a nack: a new leader is elected in less."""

_CHANNEL_LIFE_SECONDS = 0.1
"""How old a channel is at least when a nack replaces it, so that a full queue wears out few of them."""

_LONG_TURN_SECONDS = 0.003
"""In a longer turn of the loop, what is ready goes out before its end, so that who gets it works meanwhile.
Without this, many callers and a replica work in turn and not at once: a third fewer calls."""

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
        self._gathering = Gathering()
        self._gathered_since = 0.0
        self._waiting: dict[Parcel, None] = {}
        """What waits for a connection, or for a broker that reads nothing, in the order of the calls."""
        self._deadlines = Deadlines(self._late)
        self._tasks: set[asyncio.Task[None]] = set()
        self._link = Link(
            urls,
            name=name,
            session=self._session,
            on_trouble=self._fail,
            on_reconnect=on_reconnect,
        )

    async def __aenter__(self) -> Self:
        self._link.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fail(self._link.closed)
        await self._link.close()
        self._fail(self._link.closed)  # it may have connected in between
        self._deadlines.stop()

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
        try:
            async with asyncio.timeout(timeout):
                while not (channel := await self._open.wait()).usable:
                    self._shut(channel)
        except TimeoutError:
            raise self._link.away("waiting for the broker", timeout) from None

    async def publish(self, message: Outgoing, *, timeout: float) -> None:
        """Return when the broker has confirmed `message`, alone or with others (see `Outgoing.company`).

        Messages of one task order go out in the order of the calls. Raises after at most `timeout`
        seconds: `Unroutable`, `Refused`, `AccessDenied`, `Unconfirmed` (it may have arrived), `Away` (it
        has not), `Closed`. While the connection is down the message waits; when its answer is lost, it is
        sent again with the same id, so that the receiver may see it twice.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._gathering:
            self._gathered_since = now
            loop.call_soon(self._send_gathered)
        caller = self._gathering.add(message, now + timeout, timeout, loop.create_future())
        self._deadlines.add(caller)
        if now - self._gathered_since >= _LONG_TURN_SECONDS:
            self._send_gathered()
        try:
            error = await caller.told
        finally:
            self._deadlines.discard(caller)
            if self._waiting and not caller.parcel.wanted:
                self._waiting.pop(caller.parcel, None)
        if error is not None:
            raise error

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

    async def _session(self, connection: WiredConnection) -> None:
        """For the life of one connection: declare, then keep one good channel open."""
        connection.wire.on_room = self._send_waiting
        try:
            await declare(connection, self._declare)
            while True:
                channel = await ConfirmChannel.open(connection)
                obey_cancellation()
                self._open.open(channel)
                self._send_waiting()
                await channel.ended()
                self._shut(channel)
                self._start(channel.close())
        except Misdeclared as error:
            log.error("%s", error)  # noqa: TRY400 - the text says it all
            self._fail(error)
            raise
        finally:
            self._open.shut()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _shut(self, channel: ConfirmChannel) -> None:
        """Have `channel` replaced, unless it was already."""
        if self._open.value is channel:
            self._open.shut()
        channel.retire()

    def _fail(self, error: BrokerError | None) -> None:
        """The broker refuses us, or this is closed: nothing waits for that to end. None: it may come."""
        self._open.fail(error)
        if error is not None:
            for parcel in list(self._waiting):
                self._wait(parcel)

    # --- one parcel after another -------------------------------------------------------------------

    def _send_gathered(self) -> None:
        """The turn has ended: what was published in it goes out."""
        self._send(self._gathering.take())

    def _send_waiting(self) -> None:
        self._send(list(self._waiting))

    def _send(self, parcels: Iterable[Parcel]) -> None:
        """Send at once, or when there is a connection again and the broker reads what is written."""
        channel = self._open.value
        if channel is not None and not channel.usable:
            self._shut(channel)
            channel = None
        if channel is not None and channel.connection.wire.full:
            channel = None
        for parcel in parcels:
            if channel is None:
                self._wait(parcel)
            else:
                self._send_on(channel, parcel, partial(self._hear, parcel, channel))
        if channel is not None:
            channel.flush()

    def _send_on(self, channel: ConfirmChannel, parcel: Parcel, hear: Callable[[Result], None]) -> None:
        self._waiting.pop(parcel, None)
        parcel.stage = Stage.SENT
        try:
            channel.send(parcel.message, hear)
        except (ValueError, TypeError) as error:  # a key of more than 255 bytes, a header that is no text
            for caller in parcel.callers:
                caller.tell(error)

    def _wait(self, parcel: Parcel) -> None:
        """Have it wait for a connection, unless that is in vain."""
        error = self._open.error
        if error is None:
            parcel.stage = Stage.WAITING
            self._waiting[parcel] = None
            return
        self._waiting.pop(parcel, None)
        for caller in parcel.callers:
            # Each gets an exception of its own: who raises it adds to its traceback.
            caller.tell(doubting(parcel, type(error)(*error.args)))

    def _hear(self, parcel: Parcel, channel: ConfirmChannel, result: Result) -> None:
        """What the broker said of a parcel on the channel that all share."""
        match result.outcome:
            case Outcome.CONFIRMED:
                for caller in parcel.callers:
                    caller.tell(None)
            case _ if not parcel.wanted:
                return
            case Outcome.DENIED | Outcome.NOWHERE | Outcome.CLOSED:
                # A channel dies with all that is in flight on it. Alone, a message speaks for itself.
                self._start(self._send_alone(channel.connection, parcel))
            case Outcome.NACKED if parcel.message.insist:
                self._endure(channel, parcel)
            case Outcome.UNSENT | Outcome.UNKNOWN:
                parcel.in_doubt = parcel.in_doubt or result.outcome is Outcome.UNKNOWN
                self._shut(channel)
                self._send([parcel])
            case _:
                _refuse(parcel, result)

    async def _send_alone(self, connection: WiredConnection, parcel: Parcel) -> None:
        """Send on a channel of its own, so that what closes it is this message's doing."""
        try:
            async with asyncio.timeout_at(parcel.deadline):
                channel = await ConfirmChannel.open(connection)
        except (*LINK_ERRORS, asyncio.CancelledError):
            if is_cancelled():
                raise
            self._send_again(parcel)
            return
        said: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._send_on(channel, parcel, said.set_result)
        channel.flush()
        self._start(channel.close())
        result = await said
        if result.outcome in _CLOSING:
            _refuse(parcel, result)
        else:
            self._hear(parcel, channel, result)

    def _endure(self, channel: ConfirmChannel, parcel: Parcel) -> None:
        """Wait a little before the next try after a nack, and have it made on a new channel.

        On 3.10 to 3.12.4 a channel whose first message met a dead leader is nacked until that node is
        back, while a new channel finds the new leader.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        parcel.stage = Stage.NACKED
        parcel.patience_ends = parcel.patience_ends or now + _PATIENCE_SECONDS
        if now >= parcel.patience_ends:
            _refuse(parcel, Result(Outcome.NACKED))
            return
        if now - channel.opened_at > _CHANNEL_LIFE_SECONDS:
            self._shut(channel)
        pause = random.uniform(0.05, 0.25)  # noqa: S311 - spreads retries, keeps no secret
        loop.call_later(pause, self._send_again, parcel)

    def _send_again(self, parcel: Parcel) -> None:
        if parcel.wanted:
            self._send([parcel])

    def _late(self, caller: Caller) -> None:
        """A caller's time is up: what that means depends on how far its parcel is."""
        parcel = caller.parcel
        message = parcel.sealed or caller.message
        if parcel.stage is Stage.SENT:
            caller.tell(unconfirmed(message, caller.timeout))
        elif parcel.stage is Stage.NACKED:
            caller.tell(failure(message, Result(Outcome.NACKED)))
        else:
            what = f"message {message.message_id} to {message.route.exchange}"
            error = unread(what, caller.timeout) if self.connected else self._link.away(what, caller.timeout)
            caller.tell(doubting(parcel, error))


_CLOSING = {Outcome.DENIED, Outcome.NOWHERE, Outcome.CLOSED}


def _refuse(parcel: Parcel, result: Result) -> None:
    for caller in parcel.callers:
        caller.tell(failure(parcel.message, result))
