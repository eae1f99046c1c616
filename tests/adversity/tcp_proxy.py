"""A TCP proxy that can cut, silence and refuse connections."""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK = 65536


class TcpProxy:
    """Stands between a client and the broker at a URL. `accepted`: how many connections there have been."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._links: set[_Pipe] = set()
        self._refusing = False
        self._silent = False
        self.accepted = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()

    @property
    def url(self) -> str:
        """The broker's URL, through the proxy."""
        login = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{login}@127.0.0.1:{self._port}"))

    def cut(self) -> None:
        """Reset every connection."""
        for pipe in list(self._links):
            pipe.reset()

    def stall(self) -> None:
        """Let nothing more through on the connections that there are. New ones work."""
        for pipe in self._links:
            pipe.flowing.clear()

    def fall_silent(self) -> None:
        """Let nothing more through, on new connections neither, which are taken and never hear a word."""
        self._silent = True
        self.stall()

    def resume(self) -> None:
        """Let the stalled connections go on; what was held back arrives."""
        self._silent = False
        for pipe in self._links:
            pipe.flowing.set()

    def refuse(self) -> None:
        """Reset every connection, and new ones at once."""
        self._refusing = True
        self.cut()

    def accept(self) -> None:
        """Take new connections again."""
        self._refusing = False

    def has_accepted(self, number: int) -> bool:
        """Tell whether there have been so many connections."""
        return self.accepted >= number

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        self.accepted += 1
        far = await asyncio.open_connection(self._target.hostname, self._target.port or 5672)
        pipe = _Pipe((reader, writer), far)
        if self._silent:
            pipe.flowing.clear()
        self._links.add(pipe)
        try:
            await pipe.run()
        finally:
            self._links.discard(pipe)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Pipe:
    def __init__(self, near: Stream, far: Stream) -> None:
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._near = near
        self._far = far
        self._reset = asyncio.Event()

    def reset(self) -> None:
        for _, writer in (self._near, self._far):
            writer.transport.abort()
        self._reset.set()

    async def run(self) -> None:
        pumps = [
            asyncio.create_task(self._pump(self._near[0], self._far[1])),
            asyncio.create_task(self._pump(self._far[0], self._near[1])),
            asyncio.create_task(self._reset.wait()),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        self.reset()
        for pump in pumps:
            pump.cancel()
        await asyncio.wait(pumps)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self.flowing.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return
