"""Any bytes as the properties or the routing key of a delivered message: the guard lets nothing out (P9).

The first byte chooses the frame: a content header, or the method that delivers.
"""

import struct
from typing import Any, cast

from aiormq.abc import DeliveredMessage
from pamqp import commands, frame
from pamqp.header import ContentHeader

from tests.adversity.raw_amqp import CONTENT_TYPE, HEADERS, POISONS, TIMESTAMP, TYPE, long, properties, short
from tests.fuzz.target import Target
from toolwire.broker.delivery import received
from toolwire.broker.frames import content_of, deliver_of

HEADER_FRAME, METHOD_FRAME, FRAME_END = 2, 1, b"\xce"
BASIC, DELIVER = 60, 60
BODY_BYTES = 1234
FIXED = struct.pack(">HHQ", BASIC, 0, BODY_BYTES)
EMPTY = ContentHeader(0, BODY_BYTES, commands.Basic.Properties())


def seeds() -> list[bytes]:
    small = [b"\x00" + poison.properties for poison in POISONS.values() if len(poison.properties) < 2000]
    keys = [b"\x01" + short(b"server-1." + poison.key) for poison in POISONS.values()]
    headers = b"".join(short(b"k") + kind + value for kind, value in FIELDS.items())
    good = properties(
        CONTENT_TYPE | HEADERS | TIMESTAMP | TYPE,
        short(b"application/jsonl") + long(headers) + bytes(8) + short(b"request"),
    )
    return [*small, *keys, b"\x00" + good]


FIELDS = {
    b"t": b"\x01",
    b"b": b"\xff",
    b"B": b"\xff",
    b"s": b"\xff\x00",
    b"u": b"\xff\x00",
    b"I": bytes(4),
    b"i": bytes(4),
    b"l": bytes(8),
    b"L": bytes(8),
    b"f": bytes(4),
    b"d": bytes(8),
    b"D": b"\x02" + bytes(4),
    b"T": bytes(8),
    b"S": long(b"text"),
    b"x": long(b"\xff"),
    b"V": b"",
    b"A": long(b"t\x01"),
    b"F": long(short(b"a") + b"V"),
}
"""A value of every kind that a header may have (AMQP 0-9-1, with RabbitMQ's errata)."""


def check(data: bytes) -> None:
    if data[:1] == b"\x01":
        _check_method(data[1:])
    else:
        _check_header(data[1:])


def _check_header(data: bytes) -> None:
    header = _read(HEADER_FRAME, FIXED + data)
    assert isinstance(header, ContentHeader)
    assert header.body_size == BODY_BYTES, "the reader would lose its place in the stream"
    told = commands.Basic.Deliver("tag", 1, False, "tw.requests", "server-1.add")
    delivery = received(DeliveredMessage(told, header, b"{}", cast("Any", None)), acks=False)
    _check_readable(delivery)
    content = content_of(FIXED + data)
    as_fetched = (delivery.type, delivery.content_type, delivery.content_encoding, delivery.malformed)
    assert (content.type, content.content_type, content.content_encoding, content.malformed) == as_fetched
    assert content.size == BODY_BYTES


def _check_method(key: bytes) -> None:
    """A routing key is a short text, whose length the broker writes."""
    key = key[:255]
    arguments = short(b"tag") + bytes(8) + b"\x00" + short(b"tw.requests") + short(key)
    told = _read(METHOD_FRAME, struct.pack(">HH", BASIC, DELIVER) + arguments)
    assert isinstance(told, commands.Basic.Deliver)
    delivery = received(DeliveredMessage(told, EMPTY, b"{}", cast("Any", None)), acks=False)
    _check_readable(delivery)
    assert (delivery.malformed is None) == _is_text(key), "a routing key that is no text is not told"
    assert deliver_of(struct.pack(">HH", BASIC, DELIVER) + arguments).key == delivery.routing_key


def _check_readable(delivery: Any) -> None:
    for text in (delivery.type, delivery.content_type, delivery.content_encoding, delivery.malformed):
        assert text is None or isinstance(text, str)
    delivery.routing_key.encode()  # it is written to the log and to a header of what is put aside
    if delivery.malformed is not None and delivery.malformed.startswith("properties"):
        assert delivery.type is None
        assert not delivery.headers


def _read(kind: int, payload: bytes) -> object:
    whole = struct.pack(">BHI", kind, 1, len(payload)) + payload + FRAME_END
    consumed, channel, found = frame.unmarshal(whole)
    assert (consumed, channel) == (len(whole), 1), "the next frame would begin elsewhere"
    return found


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


TARGET = Target(seeds, check, tokens=(b"\xff\xff", b"\x00\x00\x00\x00", *FIELDS), max_bytes=20_000)
