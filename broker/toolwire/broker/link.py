"""One supervised connection to a broker: lost, it comes back.

`aio_pika.connect_robust` is not used: it consumes again with a tag that 4.3 still knows (the connection
dies), loses return callbacks, cannot get past an object that it may not declare, and knows one host.
Here everything that belongs to a connection is one coroutine, its *session*, started anew for each.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Generic, TypeVar, cast

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import Channel as RawChannel
from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelClosed,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from yarl import URL

from toolwire.broker.errors import AccessDenied, Away, BrokerError, Closed
from toolwire.broker.wire import WiredConnection
from toolwire.contracts.errors import ConfigurationError

log = logging.getLogger("toolwire.broker")

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 3.0
HEARTBEAT_SECONDS = 15
"""A dead peer is noticed after three times this. A `heartbeat=` in the URL goes first."""

LINK_ERRORS = (AMQPError, OSError, RuntimeError, TimeoutError)
"""What aiormq raises when a connection or channel fails: its "invalid state" is a RuntimeError."""

_STEADY_SECONDS = 1.0
"""A connection that lasted longer had nothing wrong with it from the start."""

# A refused virtual host closes the connection where an Open-Ok is expected: an "invalid frame".
_REFUSALS = (ProbableAuthenticationError, AuthenticationError, InvalidFrameError)

T = TypeVar("T")
Session = Callable[[WiredConnection], Awaitable[None]]


class Gate(Generic[T]):
    """Holds a value while there is one; whoever waits gets it, in the order of their coming."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._error: Exception | None = None
        self._arrival: asyncio.Future[T] | None = None

    @property
    def value(self) -> T | None:
        """What is held now."""
        return self._value

    @property
    def error(self) -> Exception | None:
        """What is raised in those who come, if so."""
        return self._error

    def open(self, value: T) -> None:
        """Give `value` to those who wait and to those who come."""
        self._value, self._error = value, None
        if self._arrival is not None:
            self._arrival.set_result(value)
            self._arrival = None

    def shut(self) -> None:
        """Let those who come wait."""
        self._value = None

    def fail(self, error: Exception | None) -> None:
        """Raise `error` in those who wait and who come, until `open`; with None, let them wait again."""
        self._value, self._error = None, error
        if self._arrival is not None and error is not None:
            self._arrival.set_exception(error)
            self._arrival.exception()  # those who waited may all have gone
            self._arrival = None

    async def wait(self) -> T:
        """The value, as soon as there is one."""
        if self._value is not None:
            return self._value
        if self._error is not None:
            raise self._error
        if self._arrival is None:
            self._arrival = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._arrival)


class Link:
    """Keeps a connection to one of `urls`, and `session` running on it.

    `session` gets the open connection. It is cancelled when the connection is lost; when it returns or
    raises, the connection is closed, and in every case the next one is tried after a pause.
    `on_trouble` hears of each failed attempt: an error where the broker refuses us at every URL, which
    no retry will mend, else None. `on_reconnect` hears of each connection after the first.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        name: str,
        session: Session,
        on_trouble: Callable[[BrokerError | None], None],
        on_reconnect: Callable[[], None] | None = None,
    ) -> None:
        if not urls:
            raise ValueError("a link needs at least one broker URL")
        self._urls = [with_heartbeat(url) for url in urls]
        self._name = name
        self._session = session
        self._on_trouble = on_trouble
        self._on_reconnect = on_reconnect
        self._was_connected = False
        self._refusals = 0
        self._task: asyncio.Task[None] | None = None
        self.trouble = "no connection was tried yet"

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._supervise(), name=f"{self._name}: link")

    async def close(self) -> None:
        """Close the connection and end the supervision."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def away(self, what: str, seconds: float) -> Away:
        """The error for something that waited `seconds` for a connection in vain."""
        hosts = ", ".join(_shown(url) for url in self._urls)
        return Away(f"{what}: no connection to {hosts} within {seconds:.3g} s ({self.trouble})")

    @property
    def closed(self) -> Closed:
        """The error for something asked of a link that was closed."""
        return Closed(f"{self._name} is closed")

    async def _supervise(self) -> None:
        now = asyncio.get_running_loop().time
        pauses = backoff()
        for url in cycle(self._urls):
            connection = await self._connect(url)
            if connection is not None:
                began = now()
                await self._serve(connection, url)
                if now() - began > _STEADY_SECONDS:
                    pauses = backoff()
            obey_cancellation()
            await asyncio.sleep(next(pauses))

    async def _connect(self, url: URL) -> WiredConnection | None:
        connection = WiredConnection(url, name=self._name)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()
        except _REFUSALS as error:
            self._refused(url, error)
        except LINK_ERRORS as error:
            self._failed(url, f"{type(error).__name__}: {error}")
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            self._failed(url, "the connection was lost while it was opened")
        else:
            self._refusals = 0
            log.info("%s: connected to %s", self._name, _shown(url))
            if self._was_connected and self._on_reconnect is not None:
                self._on_reconnect()
            self._was_connected = True
            return connection
        finally:
            if not connection.connected.is_set():
                # Left open, its finaliser would close it, in a task of its own at some later time.
                await _close(connection)
        return None

    async def _serve(self, connection: WiredConnection, url: URL) -> None:
        lost = _loss_of(connection)
        session = asyncio.ensure_future(self._session(connection))
        try:
            obey_cancellation()
            await asyncio.wait([lost, session], return_when=asyncio.FIRST_COMPLETED)
        finally:
            session.cancel()
            await asyncio.wait([session])
            await _close(connection)
        self._note(url, _ending(session))

    def _refused(self, url: URL, error: Exception) -> None:
        self._refusals += 1
        said = "it closed the connection" if isinstance(error, InvalidFrameError) else error
        refusal = AccessDenied(
            f"{_shown(url)} refuses the user {url.user!r}: check the user, the password and that the"
            f" virtual host exists and is open to the user ({said})"
        )
        self._note(url, str(refusal))
        self._on_trouble(refusal if self._refusals >= len(self._urls) else None)

    def _failed(self, url: URL, trouble: str) -> None:
        self._refusals = 0
        self._note(url, trouble)
        self._on_trouble(None)

    def _note(self, url: URL, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("%s: %s: %s", self._name, _shown(url), trouble)
        self.trouble = trouble


def backoff(first: float = 0.1, most: float = 5.0) -> Iterator[float]:
    """Pauses in seconds that double from `first` to `most`, each shortened by up to a half at random."""
    pause = first
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads reconnects, keeps no secret
        pause = min(pause * 2, most)


def is_cancelled() -> bool:
    """Whether somebody cancels the current task.

    A `CancelledError` alone does not say so: aiormq raises it for whatever waits on a connection that
    it gives up.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def obey_cancellation() -> None:
    """Raise `CancelledError` where somebody cancels the current task: aiormq may have swallowed it."""
    if is_cancelled():
        raise asyncio.CancelledError


def _loss_of(connection: AbstractConnection) -> asyncio.Future[None]:
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def note(_: object, __: BaseException | None) -> None:
        if not lost.done():
            lost.set_result(None)

    connection.close_callbacks.add(note)
    return lost


async def raw_channel(channel: AbstractChannel) -> RawChannel:
    """aiormq's channel below aio-pika's. Its abstract class hides what its only implementation offers."""
    return cast("RawChannel", await channel.get_underlay_channel())


def on_loss(channel: RawChannel, call: Callable[[BaseException | None], None]) -> None:
    """Have `call` called when `channel` is closed, by whomever, with the error that says why."""

    def closed(lost: "asyncio.Future[object]") -> None:
        call(None if lost.cancelled() else lost.exception())

    # aiormq annotates "a future", of what it does not say
    cast("asyncio.Future[object]", channel.closing).add_done_callback(closed)  # pyright: ignore[reportUnknownMemberType]


async def close_channel(channel: AbstractChannel) -> None:
    """Close `channel`, unless it is gone."""
    if channel.is_closed:
        return
    with suppress(*LINK_ERRORS):
        async with asyncio.timeout(CLOSE_SECONDS):
            await channel.close(ChannelClosed(200, "no longer needed"))


async def _close(connection: WiredConnection) -> None:
    """Close politely, but never wait for a peer that is gone, or that reads nothing (a memory alarm).

    aiormq waits until all is written, and does so again when it is cancelled.
    """
    giving_up = asyncio.get_running_loop().call_later(CLOSE_SECONDS, connection.wire.abort)
    try:
        with suppress(*LINK_ERRORS):
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                await connection.close()
    finally:
        giving_up.cancel()


def _ending(session: asyncio.Future[None]) -> str:
    if session.cancelled():
        return "the connection was lost"
    error = session.exception()
    if error is None:
        return "the session ended"
    if not isinstance(error, (BrokerError, *LINK_ERRORS)):
        log.error("the session failed", exc_info=error)
    return f"{type(error).__name__}: {error}"


def with_heartbeat(url: str) -> URL:
    """The URL, ready to connect to. `ConfigurationError` for one that is none, without a word of it."""
    try:
        parsed = URL(url)
    except ValueError:
        raise ConfigurationError("a broker's URL cannot be read: percent-encode the password in it") from None
    return parsed if "heartbeat" in parsed.query else parsed.update_query(heartbeat=HEARTBEAT_SECONDS)


def _shown(url: URL) -> str:
    """Host, port and virtual host: what an error may tell of a URL that holds a password."""
    return f"{url.host}:{url.port or 5672}{url.path}"
