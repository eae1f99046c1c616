"""A wire whose other end is in the test's hands: what it says and hears is bytes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiormq.abc import SSLCerts
from aiormq.connection import SSLContextProvider
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from yarl import URL

from toolwire.broker.wire import Wire

CHANNEL = 3
CONSUMER = "consumer-1"


@dataclass(slots=True)
class Wired:
    """Both ends of a connection: ours, as aiormq would read it, and the broker's."""

    wire: Wire
    for_aiormq: asyncio.StreamReader
    writer: asyncio.StreamWriter
    hears: asyncio.StreamReader
    says: asyncio.StreamWriter

    async def next_for_aiormq(self) -> str:
        """The name of the next frame that aiormq gets."""
        head = await asyncio.wait_for(self.for_aiormq.readexactly(7), 15)
        rest = await asyncio.wait_for(self.for_aiormq.readexactly(int.from_bytes(head[3:], "big") + 1), 15)
        return frame.unmarshal(head + rest)[2].name

    async def heard(self) -> object:
        """The next frame that the broker gets."""
        head = await asyncio.wait_for(self.hears.readexactly(7), 15)
        rest = await asyncio.wait_for(self.hears.readexactly(int.from_bytes(head[3:], "big") + 1), 15)
        return frame.unmarshal(head + rest)[2]


@asynccontextmanager
async def wired() -> AsyncGenerator[Wired]:
    """A connection to a listener of the test's own."""
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait((reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = Wire()
    plain = SSLCerts(None, None, None, None, None, verify=False)
    reader, writer = await wire.create(
        URL(f"amqp://127.0.0.1:{port}/"),
        ssl_context_provider=SSLContextProvider(
            ssl_context=None, ssl_certs=plain, loop=asyncio.get_running_loop()
        ),
    )
    hears, says = await accepted.get()
    try:
        yield Wired(wire, reader, writer, hears, says)
    finally:
        for end in (writer, says):
            end.transport.abort()
        server.close()


def delivery(
    tag: int, body: bytes = b"{}", *, consumer: str = CONSUMER, channel: int = CHANNEL, most: int = 1000
) -> bytes:
    """The frames of a delivered message."""
    deliver = commands.Basic.Deliver(consumer, tag, False, "tw.requests", "server-1.add")
    properties = commands.Basic.Properties(content_type="application/jsonl", message_type="request")
    parts: list[frame.FrameTypes] = [deliver, ContentHeader(body_size=len(body), properties=properties)]
    parts += [ContentBody(body[at : at + most]) for at in range(0, len(body), most)]
    return b"".join(frame.marshal(each, channel) for each in parts)


def method(what: frame.FrameTypes, channel: int = CHANNEL) -> bytes:
    """One frame."""
    return frame.marshal(what, channel)
