"""A publisher that writes AMQP 0-9-1 byte by byte, so that it can send what no library would.

`POISONS` are messages that RabbitMQ forwards and that pamqp cannot decode, or only at a price.
"""

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

METHOD, HEADER, BODY = 1, 2, 3
FRAME_END = b"\xce"
BODY_FRAME_BYTES = 64 * 1024  # half of what RabbitMQ offers
UNCONFIRMED = 1000  # how many messages may wait for their confirm

CONTENT_TYPE = 1 << 15
HEADERS = 1 << 13
DELIVERY_MODE = 1 << 12
PRIORITY = 1 << 11
CORRELATION_ID = 1 << 10
REPLY_TO = 1 << 9
MESSAGE_ID = 1 << 7
TIMESTAMP = 1 << 6
TYPE = 1 << 5
APP_ID = 1 << 3

NOT_UTF8 = b"\xff\xfe\x80"
NO_PROPERTIES = b"\x00\x00"


class RefusedByBroker(Exception):
    """The broker closed the channel or the connection, or nacked."""


def short(text: bytes) -> bytes:
    """Encode a short string."""
    return bytes([len(text)]) + text


def long(text: bytes) -> bytes:
    """Encode a long string; a table and an array are framed alike."""
    return struct.pack(">I", len(text)) + text


def properties(flags: int, values: bytes) -> bytes:
    """Encode the property flags and, in the order of the flags, the values."""
    return struct.pack(">H", flags) + values


def nested_table(depth: int) -> bytes:
    """Encode a header table in a header table, `depth` times."""
    table = long(b"")
    for _ in range(depth - 1):
        table = long(short(b"a") + b"F" + table)
    return table


def many_headers(count: int) -> bytes:
    """Encode a header table of `count` entries of six bytes each."""
    return long(b"".join(short(b"%04x" % number) + b"V" for number in range(count)))


@dataclass(frozen=True, slots=True)
class Poison:
    """The bytes of a message that is an attack.

    `key` stands behind the server's name in the routing key. `malformed`: pamqp cannot decode it, or must
    not try. `may_be_refused`: by RabbitMQ 3.10, while 4.3 forwards it.
    """

    properties: bytes = NO_PROPERTIES
    key: bytes = b"tool"
    malformed: bool = True
    may_be_refused: bool = False


POISONS: dict[str, Poison] = {
    "correlation_id": Poison(properties(CORRELATION_ID, short(NOT_UTF8))),
    "reply_to": Poison(properties(REPLY_TO, short(NOT_UTF8))),
    "content_type": Poison(properties(CONTENT_TYPE, short(NOT_UTF8))),
    "message_id": Poison(properties(MESSAGE_ID, short(NOT_UTF8))),
    "type": Poison(properties(TYPE, short(NOT_UTF8))),
    "app_id": Poison(properties(APP_ID, short(NOT_UTF8))),
    "header key": Poison(properties(HEADERS, long(short(NOT_UTF8) + b"t\x01"))),
    "header value": Poison(properties(HEADERS, long(short(b"a") + b"S" + long(NOT_UTF8))), malformed=False),
    "timestamp of 2^63": Poison(properties(TIMESTAMP, struct.pack(">Q", 2**63))),
    "timestamp of 2^64-1": Poison(properties(TIMESTAMP, struct.pack(">Q", 2**64 - 1))),
    "timestamp in a header": Poison(properties(HEADERS, long(short(b"a") + b"T" + struct.pack(">Q", 2**63)))),
    "deep header": Poison(properties(HEADERS, nested_table(1000))),
    "many headers": Poison(properties(HEADERS, many_headers(20_000))),
    "routing key": Poison(key=NOT_UTF8),
    "routing key and property": Poison(properties(REPLY_TO, short(NOT_UTF8)), key=NOT_UTF8),
    "delivery mode of 7": Poison(properties(DELIVERY_MODE, b"\x07"), malformed=False, may_be_refused=True),
    "priority of 255": Poison(properties(PRIORITY, b"\xff"), malformed=False),
}


class RawPublisher:
    """One connection with one channel in confirm mode, on a plain socket."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._sent = 0
        self._waiting: set[int] = set()

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._url.hostname, self._url.port or 5672)
        self._writer.write(b"AMQP\x00\x00\x09\x01")
        await self._receive(10, 10)
        user, password = unquote(self._url.username or "guest"), unquote(self._url.password or "guest")
        login = long(b"\x00" + user.encode() + b"\x00" + password.encode())
        self._method(0, 10, 11, long(b"") + short(b"PLAIN") + login + short(b"en_US"))
        tune = await self._receive(10, 30)
        self._method(0, 10, 31, tune[:6] + b"\x00\x00")  # no heartbeats
        virtual_host = unquote(self._url.path[1:]) or "/"
        self._method(0, 10, 40, short(virtual_host.encode()) + short(b"") + b"\x00")
        await self._receive(10, 41)
        self._method(1, 20, 10, short(b""))
        await self._receive(20, 11)
        self._method(1, 85, 10, b"\x00")
        await self._receive(85, 11)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def publish(self, exchange: str, key: bytes, header: bytes, body: bytes = b"") -> None:
        """Publish and wait for the confirm. `header` is the property list, flags first, as it is sent.

        Raises `RefusedByBroker`; the connection is of no use afterwards.
        """
        self._write(exchange, key, header, body)
        await self._confirmed()

    async def publish_all(self, exchange: str, key: bytes, header: bytes, bodies: Sequence[bytes]) -> None:
        """Publish many messages under one key, as fast as the broker takes them. Raises as `publish`."""
        for start in range(0, len(bodies), UNCONFIRMED):
            for body in bodies[start : start + UNCONFIRMED]:
                self._write(exchange, key, header, body)
                await self._writer.drain()
            await self._confirmed()

    async def delete_queue(self, name: str) -> None:
        """Delete a queue, whatever is in it and whoever consumes it."""
        self._method(1, 50, 40, b"\x00\x00" + short(name.encode()) + b"\x00")
        await self._receive(50, 41)

    def _write(self, exchange: str, key: bytes, header: bytes, body: bytes) -> None:
        self._sent += 1
        self._waiting.add(self._sent)
        self._method(1, 60, 40, b"\x00\x00" + short(exchange.encode()) + short(key) + b"\x00")
        self._frame(HEADER, 1, struct.pack(">HHQ", 60, 0, len(body)) + header)
        for start in range(0, len(body), BODY_FRAME_BYTES):
            self._frame(BODY, 1, body[start : start + BODY_FRAME_BYTES])

    async def _confirmed(self) -> None:
        """Wait until all that was sent is confirmed. One confirm may speak for many, in any order."""
        while self._waiting:
            tag, multiple = struct.unpack(">Q?", await self._receive(60, 80))
            self._waiting -= set(range(min(self._waiting), tag + 1)) if multiple else {tag}

    def _method(self, channel: int, class_id: int, method_id: int, arguments: bytes) -> None:
        self._frame(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)

    def _frame(self, kind: int, channel: int, payload: bytes) -> None:
        self._writer.write(struct.pack(">BHI", kind, channel, len(payload)) + payload + FRAME_END)

    async def _receive(self, class_id: int, method_id: int) -> bytes:
        """Read one method frame and return its arguments."""
        try:
            kind, _, size = struct.unpack(">BHI", await self._reader.readexactly(7))
            payload = (await self._reader.readexactly(size + 1))[:-1]
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise RefusedByBroker("the connection was closed") from error
        if kind != METHOD or struct.unpack(">HH", payload[:4]) != (class_id, method_id):
            raise RefusedByBroker(f"frame {kind} instead of method {class_id}.{method_id}: {payload!r}")
        return payload[4:]
