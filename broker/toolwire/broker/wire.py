"""The bytes of one connection: the frames of every message are handled here, the others by aiormq.

aiormq reads a frame in three steps, makes an object of it and hands it through two queues to a task, and a
message is three frames; so reading and writing took most of what a call cost. What it leaves open is where
its bytes come from, its `transport_factory`. Here that is a protocol that looks at each frame as it comes
in: a channel that is listened to takes what belongs to its messages, at once and as a plain call, and all
else goes on to aiormq as it came: the login, opening and closing, declaring, consuming and cancelling.
A message that is published and confirmed so takes a fifth of the processor time, one that is received and
acked a seventh.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import aio_pika
from aio_pika.abc import ConnectionParameter
from aiormq.connection import SSLContextProvider, TransportFactory
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from toolwire.broker import frames

_SIGN_OF_LIFE_SECONDS = 1.0

_MOST_UNSENT_BYTES = 4 * 1024 * 1024
"""How much may wait for a peer that reads nothing, as a broker in a memory alarm, until the wire is full."""


class Listener(Protocol):
    """What takes the frames of one channel's messages."""

    def take(self, kind: int, payload: bytes) -> bool:
        """Take a frame. False: it is not mine, aiormq is to have it."""
        ...

    def lost(self) -> None:
        """The connection is gone."""
        ...


class Wire(TransportFactory):
    """One connection's bytes, in both directions."""

    def __init__(self) -> None:
        self.full = False
        """Whether what is written now would only wait, and take memory."""
        self.on_room: Callable[[], None] | None = None
        """Called when it is no longer full."""
        self._listeners: dict[int, Listener] = {}
        self._transport: asyncio.Transport | None = None

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, as aiormq asks for it."""
        provider: SSLContextProvider = kwargs.pop("ssl_context_provider")
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        tap = _Tap(reader, self._listeners, self._note_room, loop)
        try:
            ssl = await provider.get_context() if url.scheme == "amqps" else None
            transport, _ = await loop.create_connection(
                lambda: tap, url.host or "127.0.0.1", url.port or 5672, ssl=ssl, **kwargs
            )
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        transport.set_write_buffer_limits(_MOST_UNSENT_BYTES)
        self._transport = transport
        return reader, asyncio.StreamWriter(transport, tap, reader, loop)

    @property
    def open(self) -> bool:
        """Whether what is written may still arrive."""
        return self._transport is not None and not self._transport.is_closing()

    def listen(self, channel: int, listener: Listener) -> None:
        """Give the frames of `channel` to `listener` first."""
        self._listeners[channel] = listener

    def forget(self, channel: int, listener: Listener) -> None:
        """Do so no longer. The number may have been given to another channel."""
        if self._listeners.get(channel) is listener:
            del self._listeners[channel]

    def write(self, whole_frames: bytes) -> None:
        """Send whole frames, behind what was sent before. It never waits.

        What comes after aiormq has begun to close is dropped: a transport may raise for it.
        """
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(whole_frames)

    def abort(self) -> None:
        """End it at once. What the peer has not taken is dropped."""
        if self._transport is not None:
            self._transport.abort()

    def _note_room(self, room: bool) -> None:
        self.full = not room
        if room and self.on_room is not None:
            self.on_room()


class _Tap(asyncio.StreamReaderProtocol):
    """Cuts what arrives into frames."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        listeners: dict[int, Listener],
        note_room: Callable[[bool], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(reader, loop=loop)
        self._listeners = listeners
        self._note_room = note_room
        self._now = loop.time
        self._rest = b""
        self._astray = False
        self._shown_at = 0.0

    def data_received(self, data: bytes) -> None:
        if self._astray:
            super().data_received(data)
            return
        data = self._rest + data if self._rest else data
        at, end, taken = 0, len(data), False
        while end - at >= frames.HEAD.size:
            kind, channel, size = frames.HEAD.unpack_from(data, at)
            stop = at + size + 8
            if kind not in frames.KINDS:
                self._go_astray(data[at:])
                return
            if stop > end:
                break
            if data[stop - 1] != frames.END:
                self._go_astray(data[at:])
                return
            listener = self._listeners.get(channel)
            if listener is not None and listener.take(kind, data[at + 7 : stop - 1]):
                taken = True
            else:
                super().data_received(data[at:stop])
            at = stop
        self._rest = data[at:]
        if taken:
            self._show_life()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._note_room(False)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._note_room(True)

    def eof_received(self) -> bool | None:
        self._end()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _end(self) -> None:
        """Nothing more will come: aiormq gets what is left, the listeners learn of it at once."""
        rest, self._rest = self._rest, b""
        if rest:
            super().data_received(rest)
        listeners = list(self._listeners.values())
        self._listeners.clear()
        for listener in listeners:
            listener.lost()

    def _go_astray(self, data: bytes) -> None:
        """What comes is not AMQP: aiormq knows what to say of it."""
        self._astray, self._rest = True, b""
        super().data_received(data)

    def _show_life(self) -> None:
        """Let aiormq see a heartbeat: it gives up a connection on which it sees nothing.

        A broker that sends messages sends no heartbeats.
        """
        now = self._now()
        if now - self._shown_at >= _SIGN_OF_LIFE_SECONDS:
            self._shown_at = now
            super().data_received(frames.HEARTBEAT)


class WiredConnection(aio_pika.Connection):
    """A connection whose bytes are at hand."""

    PARAMETERS = (
        *aio_pika.Connection.PARAMETERS,
        ConnectionParameter(name="transport_factory", parser=lambda wire: cast("Wire", wire), is_kwarg=True),
    )

    def __init__(self, url: URL, *, name: str) -> None:
        self.wire = Wire()
        super().__init__(url, client_properties={"connection_name": name}, transport_factory=self.wire)
