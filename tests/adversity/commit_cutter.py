"""A TCP proxy before PostgreSQL that breaks a connection at the commit of a transaction."""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK = 65536
COMMIT = b"COMMIT\x00"
"""The end of the client's query, and of the server's answer to it
(https://www.postgresql.org/docs/current/protocol-message-formats.html)."""


class CommitCutter:
    """Lets everything through, but one commit when it is told to. `cuts`: how many it has cut so far."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._committed: bool | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._over.set()
        if self._links:
            await asyncio.wait(self._links)

    @property
    def url(self) -> str:
        """The database's URL, through the proxy, and in clear so that it can be read."""
        login = self._target.netloc.rpartition("@")[0]
        return urlunsplit(
            self._target._replace(netloc=f"{login}@127.0.0.1:{self._port}", query="sslmode=disable")
        )

    def cut_next_commit(self, *, committed: bool) -> None:
        """Break the connection that commits next: once the server has done it, or before it hears of it."""
        self._committed = committed

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        pumps = {
            asyncio.create_task(self._ask(reader, far_writer)),
            asyncio.create_task(self._answer(far_reader, writer)),
            asyncio.create_task(self._until_over()),
        }
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        writer.transport.abort()
        far_writer.transport.abort()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._links.discard(link)

    async def _until_over(self) -> None:
        await self._over.wait()

    async def _ask(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while chunk := await client.read(CHUNK):
            if COMMIT in chunk and self._committed is False:
                self._cut()
                return
            server.write(chunk)

    async def _answer(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while chunk := await server.read(CHUNK):
            if COMMIT in chunk and self._committed:
                self._cut()
                return
            client.write(chunk)

    def _cut(self) -> None:
        self._committed = None
        self.cuts += 1
