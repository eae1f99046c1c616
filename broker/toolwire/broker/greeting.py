"""What a broker says of itself before anybody has logged in."""

from __future__ import annotations

import socket
import struct
from urllib.parse import urlsplit

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
FRAME_HEADER = struct.Struct(">BHI")  # AMQP 0-9-1, section 2.3.5: type, channel, size of the payload


def broker_version(url: str, *, timeout: float = 2.0) -> str | None:
    """Ask the broker at `url` for its version; None where it answers without one, or only over TLS.

    An open port is no proof: Docker's proxy accepts connections before anything listens behind it. So this
    reads the broker's first frame, `connection.start`, which has the version among the server properties.

    Raises OSError when nothing speaks AMQP 0-9-1 there within `timeout` seconds.
    """
    parts = urlsplit(url)
    if parts.scheme == "amqps":
        return None
    address = (parts.hostname or "127.0.0.1", parts.port or 5672)
    with socket.create_connection(address, timeout=timeout) as wire:
        wire.sendall(PROTOCOL_HEADER)
        _, _, size = FRAME_HEADER.unpack(_read(wire, FRAME_HEADER.size))
        return _version_in(_read(wire, size))


def _read(wire: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = wire.recv(size - len(received))
        if not chunk:
            raise ConnectionError("the broker closed the connection before its first frame was complete")
        received += chunk
    return received


def _version_in(start: bytes) -> str | None:
    """Find the field `version` in the table of server properties: its name, `S`, its length, its text."""
    name = b"\x07versionS"
    at = start.find(name)
    if at < 0:
        return None
    begin = at + len(name) + 4
    (length,) = struct.unpack(">I", start[begin - 4 : begin])
    return start[begin : begin + length].decode("utf-8", "replace")
