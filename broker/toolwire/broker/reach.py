"""Tries one broker URL, stage by stage: each failure is another mistake, with a remedy of its own."""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq import Connection as RawConnection
from aiormq.exceptions import AuthenticationError, InvalidFrameError, ProbableAuthenticationError

from toolwire.broker.link import LINK_ERRORS, is_cancelled, with_heartbeat

TCP_SECONDS = 3.0
LOGIN_SECONDS = 5.0
CLOSE_SECONDS = 1.0


class Stage(StrEnum):
    """How far a connection came: the name of what failed, or `OPEN`."""

    NAME = "name"
    TCP = "tcp"
    TLS = "tls"
    AMQP = "amqp"
    LOGIN = "login"
    VIRTUAL_HOST = "virtual_host"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Reached:
    """One URL of the settings, tried."""

    host: str
    port: int
    virtual_host: str
    user: str
    tls: bool
    stage: Stage
    said: str = ""
    """What the failed stage said; never a password."""
    version: str | None = None
    heartbeat_s: int | None = None

    @property
    def where(self) -> str:
        """The place in words."""
        return f"{self.host}:{self.port}, virtual host {self.virtual_host!r}"


class Attempt:
    """One try of one URL. Whoever makes it closes it, whatever came of it."""

    def __init__(self, url: str) -> None:
        self._url = with_heartbeat(url)
        self._opening: AbstractConnection | None = None
        self.connection: AbstractConnection | None = None

    async def connect(self) -> Reached:
        """Stage by stage: each failure has a remedy of its own."""
        failed = await self._tcp()
        if failed is not None:
            return failed
        connection = aio_pika.Connection(self._url, client_properties={"connection_name": "toolwire doctor"})
        self._opening = connection
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                await connection.connect()
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            return self._result(Stage.AMQP, "the connection was lost while it was opened")
        except LINK_ERRORS as error:
            return self._result(*_stage_of(error))
        self.connection = connection
        return self._opened(connection)

    async def close(self) -> None:
        """Close what was opened; never wait for a peer that is gone."""
        if self._opening is not None:
            with suppress(*LINK_ERRORS):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._opening.close()

    async def _tcp(self) -> Reached | None:
        try:
            async with asyncio.timeout(TCP_SECONDS):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except socket.gaierror as error:
            return self._result(Stage.NAME, error.strerror or "")
        except TimeoutError:
            return self._result(Stage.TCP, f"no answer within {TCP_SECONDS:g} s")
        except OSError as error:
            return self._result(Stage.TCP, error.strerror or str(error))
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return None

    @property
    def _host(self) -> str:
        return self._url.host or "127.0.0.1"

    @property
    def _tls(self) -> bool:
        return self._url.scheme == "amqps"

    @property
    def _port(self) -> int:
        return self._url.port or (5671 if self._tls else 5672)

    def _result(self, stage: Stage, said: str = "", version: str | None = None) -> Reached:
        return Reached(
            host=self._host,
            port=self._port,
            virtual_host=self._url.path.removeprefix("/") or "/",
            user=self._url.user or "guest",
            tls=self._tls,
            stage=stage,
            said=said,
            version=version,
            heartbeat_s=int(self._url.query["heartbeat"]) if self._url.query["heartbeat"].isdigit() else None,
        )

    def _opened(self, connection: AbstractConnection) -> Reached:
        raw = _raw(connection)
        version = raw.server_properties.get("version")
        return self._result(Stage.OPEN, version=version if isinstance(version, str) else None)


def _raw(connection: AbstractConnection) -> RawConnection:
    transport = connection.transport
    if transport is None or not isinstance(transport.connection, RawConnection):
        raise ConnectionError("the connection is gone")
    return transport.connection


def _stage_of(error: BaseException) -> tuple[Stage, str]:
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    if isinstance(cause, ssl.SSLError):
        return Stage.TLS, cause.reason or str(cause)
    if isinstance(error, ProbableAuthenticationError | AuthenticationError):
        return Stage.LOGIN, str(error)
    if isinstance(error, InvalidFrameError):
        # A refused virtual host closes the connection where an Open-Ok is expected.
        return Stage.VIRTUAL_HOST, ""
    if isinstance(error, TimeoutError):
        return Stage.AMQP, f"it did not speak AMQP within {LOGIN_SECONDS:g} s"
    return Stage.AMQP, f"{type(error).__name__}: {error}"
