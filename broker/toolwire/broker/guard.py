"""Keeps one hostile message from killing the connection that it arrives on.

pamqp raises where a message's properties or routing key cannot be decoded, and it does so inside
aiormq's reader: the connection dies, the broker requeues the message, and every consumer of the queue
dies of it in turn, for ever and before any signature is checked. RabbitMQ forwards such messages. They
are a non-UTF-8 text property, header key or routing key, a timestamp of 2^63 or more, a header table
nested a thousand deep.

With the guard the message is delivered, flagged: its properties are a `Malformed` that holds the reason,
and text that is not UTF-8 is a `Mangled`. Both become `Delivery.malformed`.
The guard is installed when `toolwire.broker` is imported, for services and clients alike, and changes
nothing for messages that pamqp can decode.
"""

import struct
from collections.abc import Callable
from typing import cast

from pamqp import decode
from pamqp.commands import Basic
from pamqp.header import ContentHeader

_MOST_PROPERTY_BYTES = 16 * 1024
"""Decoding a table copies the rest of it for every entry: 128 KiB of tiny headers, which fit one frame,
stop the event loop for seconds. Toolwire's own properties, with what dead-lettering adds, are below 4 KiB."""

_FIXED_PART = struct.Struct(">HHQ")
"""Class, weight and body size: what a content header begins with (AMQP 0-9-1, 2.3.5.2)."""

_TEXTS = (
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "message_type",
    "user_id",
    "app_id",
    "cluster_id",
)


class Mangled(str):
    """Text that came as something else than UTF-8: bytes that do not fit stand as `\\xNN`."""

    __slots__ = ()


class Malformed(Basic.Properties):
    """The properties of a message whose own could not be decoded: all of them absent, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


def malformed_key(key: str) -> str | None:
    """What is wrong with a routing key, or None."""
    return "routing key: not UTF-8" if isinstance(key, Mangled) else None


def install() -> None:
    """Put the guard into pamqp. Doing it twice changes nothing."""
    decode.METHODS["shortstr"] = _short_text
    ContentHeader.unmarshal = _unmarshal  # type: ignore[method-assign]  # the purpose of this module


def _short_text(value: bytes) -> tuple[int, str]:
    try:
        return _original_short_text(value)
    except UnicodeDecodeError:
        end = value[0] + 1
        return end, Mangled(value[1:end].decode("utf-8", "backslashreplace"))


def _unmarshal(self: ContentHeader, data: bytes) -> None:
    if len(data) > _MOST_PROPERTY_BYTES:
        reason: str | None = f"properties of {len(data)} bytes, more than {_MOST_PROPERTY_BYTES}"
    else:
        reason = _decode(self, data)
    if reason is not None:
        # Without the size of the body the reader would lose its place in the stream.
        self.class_id, self.weight, self.body_size = _FIXED_PART.unpack(data[: _FIXED_PART.size])
        self.properties = Malformed(reason)


def _decode(header: ContentHeader, data: bytes) -> str | None:
    """Decode as pamqp does. Returns what is wrong, or None."""
    try:
        _original_unmarshal(header, data)
    except Exception as error:  # noqa: BLE001 - whatever it is must not reach the reader
        return f"properties: {type(error).__name__}"
    for name in _TEXTS:
        if type(getattr(header.properties, name)) is Mangled:
            return f"{name}: not UTF-8"
    return None


_original_short_text = cast("Callable[[bytes], tuple[int, str]]", decode.short_str)
_original_unmarshal: Callable[[ContentHeader, bytes], None] = ContentHeader.unmarshal
