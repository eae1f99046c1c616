"""The few frames of AMQP 0-9-1 that come and go with every message, as bytes.

pamqp makes an object of each frame and walks over its fields, which costs many times what is read or written
here. All other frames are left to it, and so are contents with properties that Toolwire does not send.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from pamqp import encode
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from toolwire.broker.guard import Malformed, Mangled
from toolwire.broker.message import Outgoing
from toolwire.contracts.lines import CONTENT_TYPE

# Frames: 2.3.5 of the specification. Type, channel, size of the payload, which an end octet follows.
HEAD = struct.Struct(">BHI")
METHOD, HEADER, BODY = 1, 2, 3
KINDS = frozenset({METHOD, HEADER, BODY, 8})
END = 0xCE
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"

# What a method frame begins with: the numbers of its class and of its method.
CHANNEL_CLOSE = b"\x00\x14\x00\x28"
CHANNEL_CLOSE_OK = b"\x00\x14\x00\x29"
CANCEL = b"\x00\x3c\x00\x1e"
PUBLISH = b"\x00\x3c\x00\x28"
RETURN = b"\x00\x3c\x00\x32"
DELIVER = b"\x00\x3c\x00\x3c"
ACK = b"\x00\x3c\x00\x50"
REJECT = b"\x00\x3c\x00\x5a"
NACK = b"\x00\x3c\x00\x78"

_BASIC = 60
_CONTENT = struct.Struct(">HHQH")  # class, weight, size of the body, the first (and only) word of flags
_TAG = struct.Struct(">QB")
_SETTLE = struct.Struct(">BHI4sQBB")
_PERSISTENT = b"\x02"
_OURS = 1 << 15 | 1 << 12 | 1 << 7 | 1 << 5  # content-type, delivery-mode, message-id, type
_WITH_HEADERS = _OURS | 1 << 13
_NO_HEADERS: Mapping[str, object] = MappingProxyType({})


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Put a payload into a frame."""
    return b"%b%b\xce" % (HEAD.pack(kind, channel, len(payload)), payload)


def short(text: str) -> bytes:
    """Encode a short string. `ValueError` for one of more than 255 bytes."""
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded


# --- what is sent -----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def publish_frame(channel: int, exchange: str, key: str, mandatory: bool) -> bytes:
    """`basic.publish`, which is the same for every message of one destination."""
    return frame(METHOD, channel, PUBLISH + b"\0\0" + short(exchange) + short(key) + bytes((mandatory,)))


_CONTENT_TYPE = short(CONTENT_TYPE)


def body_bytes(frame_max: int) -> int:
    """How much of a body fits into one frame, where a frame has at most `frame_max` bytes. 0: no limit."""
    return frame_max - HEAD.size - 1 if frame_max else 2**32 - 1


def message_frames(channel: int, message: Outgoing, most_bytes: int) -> bytes:
    """Everything of one message, in one piece. Raises `ValueError` or `TypeError` for what cannot be encoded.

    It is persistent and has no priority. `most_bytes`: how much of a body fits into one frame.
    """
    route, body = message.route, message.body
    if message.headers:
        flags, headers = _WITH_HEADERS, encode.field_table(dict(message.headers))
    else:
        flags, headers = _OURS, b""
    properties = b"%b%b%b%b%b%b" % (
        _CONTENT.pack(_BASIC, 0, len(body), flags),
        _CONTENT_TYPE,
        headers,
        _PERSISTENT,
        short(message.message_id),
        short(message.type),
    )
    parts = [
        publish_frame(channel, route.exchange, route.key, message.mandatory),
        frame(HEADER, channel, properties),
    ]
    parts.extend(frame(BODY, channel, body[at : at + most_bytes]) for at in range(0, len(body), most_bytes))
    return b"".join(parts)


def ack_frame(channel: int, tag: int, *, multiple: bool) -> bytes:
    """`basic.ack`; `multiple`: of all up to that delivery tag."""
    return _SETTLE.pack(METHOD, channel, 13, ACK, tag, multiple, END)


def reject_frame(channel: int, tag: int, *, requeue: bool) -> bytes:
    """`basic.reject`."""
    return _SETTLE.pack(METHOD, channel, 13, REJECT, tag, requeue, END)


# --- what is received -------------------------------------------------------------------------------


def confirm_of(payload: bytes) -> tuple[int, bool]:
    """The delivery tag of a `basic.ack` or `basic.nack`, and whether it speaks of all up to it."""
    tag, bits = _TAG.unpack_from(payload, 4)
    return tag, bool(bits & 1)


def consumer_tag_of(payload: bytes) -> bytes:
    """The consumer tag of a `basic.deliver` or `basic.cancel`."""
    return payload[5 : 5 + payload[4]]


class Deliver(NamedTuple):
    """A `basic.deliver`: how a message came. `key` may be a `Mangled`."""

    tag: int
    redelivered: bool
    exchange: str
    key: str


def deliver_of(payload: bytes) -> Deliver:
    """Read a `basic.deliver`."""
    at = 5 + payload[4]
    tag, bits = _TAG.unpack_from(payload, at)
    at += 10
    end = at + payload[at - 1]
    return Deliver(
        tag, bool(bits & 1), _text(payload[at:end]), _text(payload[end + 1 : end + 1 + payload[end]])
    )


def _text(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return Mangled(encoded.decode("utf-8", "backslashreplace"))


class Content(NamedTuple):
    """The header of a content: the size of its body, and the properties that Toolwire looks at."""

    size: int
    type: str | None
    content_type: str | None
    content_encoding: str | None
    headers: Mapping[str, object]
    malformed: str | None


def content_of(payload: bytes) -> Content:
    """Read a content header; whatever it is, this does not raise."""
    return _our_content(payload) or _any_content(payload)


def _our_content(payload: bytes) -> Content | None:
    """The header of a message as `message_frames` makes it, without headers. None: it is another one."""
    after = 14 + len(_CONTENT_TYPE)
    if len(payload) < after + 3 or payload[14:after] != _CONTENT_TYPE:
        return None
    _, _, size, flags = _CONTENT.unpack_from(payload)
    if flags != _OURS:
        return None
    texts = payload[after + 1 :]  # after the delivery mode: the message's id, its type
    begin = 2 + texts[0]
    if not texts.isascii() or len(texts) < begin or len(texts) != begin + texts[begin - 1]:
        return None
    return Content(size, texts[begin:].decode(), CONTENT_TYPE, None, _NO_HEADERS, None)


def _any_content(payload: bytes) -> Content:
    header = ContentHeader()
    header.unmarshal(payload)
    properties: Basic.Properties = header.properties
    return Content(
        header.body_size,
        properties.message_type,
        properties.content_type,
        properties.content_encoding,
        properties.headers or _NO_HEADERS,
        properties.reason if isinstance(properties, Malformed) else None,
    )


def message_id_of(payload: bytes) -> str | None:
    """The message's id in a content header."""
    header = ContentHeader()
    header.unmarshal(payload)
    return header.properties.message_id
