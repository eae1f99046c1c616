"""A small HTTP server in threads of its own: it answers although the event loop is blocked, and says so.

The standard library's, because three pages need nothing else. It speaks plain HTTP and asks nobody who they
are: it belongs on an address that only the operator's machines reach.
"""

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import NamedTuple, Self, cast

from typing_extensions import override

from toolwire.contracts.errors import ConfigurationError
from toolwire.services.telemetry.address import HttpAddress

log = logging.getLogger("toolwire.services")

SLOW_PEER_S = 5.0
"""How long a peer may keep a thread waiting for its next bytes,"""
CONNECTION_S = 10.0
"""and how long it may stay."""
MOST_PEERS = 16
"""Peers that are answered at the same time; whoever comes beyond that is hung up on."""
STOP_LOOK_S = 0.05


class Page(NamedTuple):
    """What a path answers with."""

    status: int
    content_type: str
    body: bytes


BROKEN = Page(500, "text/plain; charset=utf-8", b"the page broke: the log says how\n")

Answer = Callable[[str, str], Page]
"""Gives the page for a path and what its reader accepts."""


class HttpServer:
    """Answers every GET with what `answer` gives, from another thread.

    Enter it to listen; `ConfigurationError` where the address cannot be had.
    """

    def __init__(self, address: HttpAddress, answer: Answer) -> None:
        self._wanted = address
        self._answer = answer

    def __enter__(self) -> Self:
        try:
            self._server = _Server(self._wanted, self._answer)
        except OSError as error:
            raise ConfigurationError(
                f"http: nothing can listen on {self._wanted} ({error.strerror or error}). Is the port taken, "
                "or the address another machine's? Give `http` another one"
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(STOP_LOOK_S,), name="toolwire-http", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> HttpAddress:
        """Where it listens: port 0 has become a real one."""
        return HttpAddress(self._wanted.host, self._server.server_port)


_Request = socket.socket | tuple[bytes, socket.socket]


class _Server(ThreadingHTTPServer):
    block_on_close = False  # a peer that is slow must not keep a replica from stopping
    allow_reuse_port = False  # a second replica on the same port is told so

    def __init__(self, address: HttpAddress, answer: Answer) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self.answer = answer
        self._peers: dict[_Request, float] = {}  # since when
        super().__init__(address, _Handler)

    @override
    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's own asks DNS for a name that nothing here needs
        self.server_port = self.socket.getsockname()[1]

    @override
    def process_request(self, request: _Request, client_address: object) -> None:
        if len(self._peers) >= MOST_PEERS:
            self.shutdown_request(request)
            return
        self._peers[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # there are too many threads: nobody gives the place back
            del self._peers[request]
            raise

    @override
    def process_request_thread(self, request: _Request, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self._peers[request]

    @override
    def service_actions(self) -> None:
        """Hang up on those who have stayed too long: their threads end by it."""
        late = time.monotonic() - CONNECTION_S
        for request, since in self._peers.copy().items():
            if since < late and isinstance(request, socket.socket):
                with suppress(OSError):  # it has just gone
                    request.shutdown(socket.SHUT_RDWR)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("an HTTP peer went away: %s", sys.exception())


class _Handler(BaseHTTPRequestHandler):
    timeout = SLOW_PEER_S
    server_version = "toolwire"
    sys_version = ""

    def do_GET(self) -> None:
        server = cast("_Server", self.server)
        try:
            page = server.answer(self.path.partition("?")[0], self.headers.get("Accept", ""))
        except Exception:
            log.exception("an HTTP page broke")
            page = BROKEN
        self._send(page)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _send(self, page: Page) -> None:
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: probes come every few seconds, and the path is anybody's text."""
