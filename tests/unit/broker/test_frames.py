"""Frames that are written and read here are those of pamqp, byte by byte and field by field."""

import random
import struct
from typing import Any, cast

import pamqp.frame
import pytest
from aiormq.abc import DeliveredMessage
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from tests.adversity.raw_amqp import (
    CONTENT_TYPE as CONTENT_TYPE_FLAG,
)
from tests.adversity.raw_amqp import (
    DELIVERY_MODE,
    MESSAGE_ID,
    NOT_UTF8,
    POISONS,
    TYPE,
    Poison,
    properties,
    short,
)
from toolwire.broker import frames
from toolwire.broker.delivery import received
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Route
from toolwire.contracts.lines import CONTENT_TYPE

CHANNEL = 7
MOST = 1000
ROUTE = Route("tw.requests", "server-1.add")
OURS = CONTENT_TYPE_FLAG | DELIVERY_MODE | MESSAGE_ID | TYPE
FIXED = struct.pack(">HHQ", 60, 0, 5)


def as_pamqp_writes(message: Outgoing) -> bytes:
    header = commands.Basic.Properties(
        content_type=CONTENT_TYPE,
        delivery_mode=2,
        headers=dict(message.headers) or None,
        message_id=message.message_id,
        message_type=message.type,
    )
    publish = commands.Basic.Publish(
        exchange=message.route.exchange, routing_key=message.route.key, mandatory=message.mandatory
    )
    written: list[Any] = [publish, ContentHeader(body_size=len(message.body), properties=header)]
    written += [ContentBody(message.body[at : at + MOST]) for at in range(0, len(message.body), MOST)]
    return b"".join(pamqp.frame.marshal(each, CHANNEL) for each in written)


@pytest.mark.parametrize("size", [0, 1, MOST - 1, MOST, MOST + 1, 3 * MOST])
@pytest.mark.parametrize(
    "headers", [{}, {"tw-suspect": "1"}, {"ä": "ö", "b": "c"}], ids=["none", "one", "two"]
)
@pytest.mark.parametrize("mandatory", [True, False])
def test_a_message_is_written_as_pamqp_writes_it(size: int, headers: dict[str, str], mandatory: bool) -> None:
    message = Outgoing(ROUTE, b"x" * size, "request", "message-ü", mandatory=mandatory, headers=headers)
    assert frames.message_frames(CHANNEL, message, MOST) == as_pamqp_writes(message)


@pytest.mark.parametrize(("frame_max", "frames_of_body"), [(0, 1), (8192, 3), (131072, 1)])
def test_a_body_is_cut_as_the_broker_wants_it(frame_max: int, frames_of_body: int) -> None:
    """0 is RabbitMQ's way to say that there is no limit."""
    message = Outgoing(ROUTE, b"x" * 20_000, "request", "1")
    written = frames.message_frames(CHANNEL, message, frames.body_bytes(frame_max))
    sizes: list[int] = []
    while written:
        kind, _, size = frames.HEAD.unpack_from(written)
        sizes += [size] if kind == frames.BODY else []
        written = written[size + 8 :]
    assert (sum(sizes), len(sizes)) == (20_000, frames_of_body)
    assert not frame_max or max(sizes) + 8 <= frame_max


def test_acks_and_rejects_too() -> None:
    for yes in (True, False):
        ack, reject = commands.Basic.Ack(2**40, yes), commands.Basic.Reject(2**40, yes)
        assert frames.ack_frame(CHANNEL, 2**40, multiple=yes) == pamqp.frame.marshal(ack, CHANNEL)
        assert frames.reject_frame(CHANNEL, 2**40, requeue=yes) == pamqp.frame.marshal(reject, CHANNEL)
    assert pamqp.frame.unmarshal(frames.HEARTBEAT)[2].name == "Heartbeat"


@pytest.mark.parametrize(
    "message",
    [
        Outgoing(Route("tw.requests", "k" * 256), b"{}", "request", "1"),
        Outgoing(ROUTE, b"{}", "request", "i" * 256),
        Outgoing(ROUTE, b"{}", "request", "\ud800"),
        Outgoing(ROUTE, b"{}", "request", "1", headers={"a": cast("Any", object())}),
    ],
    ids=["key", "id", "surrogate", "header"],
)
def test_what_cannot_be_written_is_refused(message: Outgoing) -> None:
    with pytest.raises((ValueError, TypeError)):
        frames.message_frames(CHANNEL, message, MOST)


def payload_of(frame: Any) -> bytes:
    return pamqp.frame.marshal(frame, CHANNEL)[7:-1]


def test_confirms_are_read() -> None:
    for yes in (True, False):
        assert frames.confirm_of(payload_of(commands.Basic.Ack(2**40, yes))) == (2**40, yes)
        assert frames.confirm_of(payload_of(commands.Basic.Nack(2**40, yes, True))) == (2**40, yes)


@pytest.mark.parametrize("key", ["", "server-1.add", "k" * 255, "ü"])
@pytest.mark.parametrize("redelivered", [True, False])
def test_a_delivery_is_read(key: str, redelivered: bool) -> None:
    payload = payload_of(commands.Basic.Deliver("tag-1", 2**40, redelivered, "tw.requests", key))
    assert frames.deliver_of(payload) == (2**40, redelivered, "tw.requests", key)
    assert frames.consumer_tag_of(payload) == b"tag-1"
    assert frames.consumer_tag_of(payload_of(commands.Basic.Cancel("tag-1"))) == b"tag-1"


def test_what_a_method_begins_with_is_its_number() -> None:
    for begin, method in (
        (frames.CHANNEL_CLOSE, commands.Channel.Close),
        (frames.CHANNEL_CLOSE_OK, commands.Channel.CloseOk),
        (frames.CANCEL, commands.Basic.Cancel),
        (frames.PUBLISH, commands.Basic.Publish),
        (frames.RETURN, commands.Basic.Return),
        (frames.DELIVER, commands.Basic.Deliver),
        (frames.ACK, commands.Basic.Ack),
        (frames.REJECT, commands.Basic.Reject),
        (frames.NACK, commands.Basic.Nack),
    ):
        assert struct.unpack(">I", begin) == (method.index,)


def as_pamqp_reads(header: bytes) -> tuple[object, ...]:
    """What `received` makes of it, for the fields of `Content`."""
    whole = struct.pack(">BHI", 2, CHANNEL, len(header)) + header + b"\xce"
    read = pamqp.frame.unmarshal(whole)[2]
    assert isinstance(read, ContentHeader)
    told = commands.Basic.Deliver("tag", 1, False, "tw.requests", "server-1.add")
    delivery = received(DeliveredMessage(told, read, b"12345", cast("Any", None)), acks=False)
    return (
        read.body_size,
        delivery.type,
        delivery.content_type,
        delivery.content_encoding,
        dict(delivery.headers),
        delivery.malformed,
    )


def as_read_here(header: bytes) -> tuple[object, ...]:
    content = frames.content_of(header)
    return (*content[:4], dict(content.headers), content.malformed)


@pytest.mark.promise("P9")
@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_a_hostile_header_is_read_as_pamqp_reads_it_behind_the_guard(poison: Poison) -> None:
    assert as_read_here(FIXED + poison.properties) == as_pamqp_reads(FIXED + poison.properties)


def ours(
    content_type: bytes = CONTENT_TYPE.encode(), message_id: bytes = b"1", kind: bytes = b"request"
) -> bytes:
    return properties(OURS, short(content_type) + b"\x02" + short(message_id) + short(kind))


@pytest.mark.promise("P9")
@pytest.mark.parametrize(
    "header",
    [
        ours(),
        ours(message_id=b"", kind=b""),
        ours(message_id=b"i" * 255, kind=b"t" * 255),
        ours(content_type=b"application/jsonl2"),
        ours(content_type=b"application/json"),
        ours(message_id=NOT_UTF8),
        ours(kind=NOT_UTF8),
        ours(message_id="ü".encode(), kind="ü".encode()),
        ours()[:-1],
        ours() + b"\x00",
        ours()[:21],
        b"\x00\x00",
    ],
)
def test_a_header_like_ours_is_read_as_pamqp_reads_it(header: bytes) -> None:
    assert as_read_here(FIXED + header) == as_pamqp_reads(FIXED + header)


@pytest.mark.promise("P9")
def test_a_changed_header_is_read_as_pamqp_reads_it() -> None:
    chance = random.Random(20261123)
    for _ in range(3000):
        mutant = bytearray(ours(message_id=chance.randbytes(4).hex().encode()))
        for _ in range(chance.randrange(3)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        header = FIXED + bytes(mutant[: chance.choice([len(mutant), chance.randrange(2, len(mutant))])])
        assert as_read_here(header) == as_pamqp_reads(header), header
