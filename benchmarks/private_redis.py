"""A private Redis for the peers that keep their results there: on a free port, in memory, gone afterwards."""

import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

UP_WITHIN_S = 10.0


class RedisMissing(Exception):
    """There is no Redis on this machine, or it does not start."""


@contextmanager
def redis_server() -> Generator[str]:
    """Run one until the block ends, and give its URL. Raises RedisMissing."""
    program = shutil.which("redis-server")
    if program is None:
        raise RedisMissing("redis-server is not installed")
    port = _free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RedisMissing("redis-server is installed, but it does not start")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(5) == b"+PONG"
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
