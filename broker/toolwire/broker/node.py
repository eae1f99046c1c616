"""A private RabbitMQ node: on free ports of 127.0.0.1, in a folder of its own, gone when it is closed.

It runs an installed `rabbitmq-server` without touching the system's broker: other name, ports, cookie,
configuration and data, and no epmd daemon left behind. Needs no root.
"""

import fcntl
import os
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from toolwire.broker.epmd import NobodyHome
from toolwire.broker.node_settings import NodeSettings, Ports

_USUAL_PLACES = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",  # Debian, Fedora; its twin in sbin changes user and dies
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
    "/opt/rabbitmq_server-*/sbin/rabbitmq-server",
)
_PORT_ATTEMPTS = 5
_BOOT_SECONDS = 90.0
_STOP_SECONDS = 20.0
_OPEN_FILES = 65536
"""Erlang sizes its tables by this limit; where it is a million a node takes a gigabyte to begin with."""


class NodeError(Exception):
    """The private node could not be started. The text ends with the node's own last error line."""


class _PortTaken(NodeError):
    """Somebody took a port between our look and the node's start."""


class PrivateNode:
    """A RabbitMQ node for one program: `with PrivateNode() as node: connect(node.url)`.

    `folder`: where configuration, logs and data go (a temporary one by default). It serves one program
    at a time; a node that a killed program left running there is stopped first.
    `management`: also start the management plugin and its HTTP API.
    `server`: settings of the server by their Erlang names, such as `consumer_timeout` in milliseconds.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        management: bool = False,
        server: Mapping[str, int] | None = None,
    ) -> None:
        self._temporary = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="toolwire-node-")) if folder is None else folder.resolve()
        self.management = management
        self.user = "toolwire"
        self.password = secrets.token_urlsafe(18)
        self._settings = NodeSettings(self.folder, self.user, self.password, management, server or {})
        self._ports: Ports | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @staticmethod
    def installed() -> Path | None:
        """The `rabbitmq-server` that can run as a private node on this machine, if there is one."""
        for pattern in _USUAL_PLACES:
            for found in sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True):
                if os.access(found, os.X_OK):
                    return found
        return None

    @classmethod
    def installed_version(cls) -> str | None:
        """Its version, which is part of its path wherever packages put it; None where none is told."""
        installed = cls.installed()
        told = None if installed is None else re.search(r"\d+\.\d+\.\d+", str(installed.resolve()))
        return None if told is None else told[0]

    @property
    def url(self) -> str:
        """The AMQP URL of the node, with its password, for the virtual host `/`."""
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self._running_ports.amqp}/"

    @property
    def port(self) -> int:
        """The AMQP port."""
        return self._running_ports.amqp

    @property
    def management_port(self) -> int | None:
        """The port of the management plugin's HTTP API (same user and password), if it was asked for."""
        return self._running_ports.management if self.management else None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start and wait until it answers. After `kill` or `stop`: the same ports, data and password.

        Raises `NodeError` if RabbitMQ is not installed, the folder is in use, or the node does not come up.
        """
        server = self.installed()
        if server is None:
            raise NodeError("no rabbitmq-server found: install RabbitMQ, or name a broker by its URL")
        self._claim_folder()
        if self._ports is not None:
            self._launch(server, self._ports)
            return
        for attempt in range(_PORT_ATTEMPTS):
            try:
                self._launch(server, Ports.free())
            except _PortTaken:
                if attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop the node in order (this takes some seconds) and keep its data."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the node without a warning (SIGKILL) and keep its data."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End the node and remove its data, which is why it need not stop in order."""
        if self._lock is not None:
            self.kill()
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            self._lock.close()
            self._lock = None
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- ending -------------------------------------------------------------------------------------

    def _end(self, first: signal.Signals) -> None:
        """End what runs in this folder: our own node, or the one that a killed program left behind."""
        _signal_groups(self._living(), first)
        deadline = time.monotonic() + _STOP_SECONDS
        while living := self._living():
            if time.monotonic() > deadline:
                _signal_groups(living, signal.SIGKILL)
            time.sleep(0.02)
        if self._process is not None:
            self._process.wait()  # it may have ended between the last poll and the look at its command line
        self._process = None

    def _living(self) -> list[int]:
        """The recorded processes that are alive.

        A number may belong to somebody else by now: only a command line that names our folder is ours.
        """
        if self._process is not None:
            self._process.poll()  # collects it, if it has ended
        recorded = (_read_pid(self.folder / name) for name in ("started.pid", "node.pid"))
        return [pid for pid in recorded if pid is not None and str(self.folder) in _command_line(pid)]

    # --- starting -----------------------------------------------------------------------------------

    @property
    def _running_ports(self) -> Ports:
        if self._ports is None:
            raise NodeError("the private node was not started")
        return self._ports

    @property
    def _log(self) -> Path:
        return self.folder / "node.log"

    def _claim_folder(self) -> None:
        if self._lock is not None:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise NodeError(f"{self.folder} is in use by another program's private node") from None
        self._lock = lock
        self._end(signal.SIGTERM)
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def _launch(self, server: Path, ports: Ports) -> None:
        self._settings.write(ports)
        with NobodyHome() as epmd:
            self._process = self._spawn(server, self._settings.environment(ports, epmd.port))
            (self.folder / "started.pid").write_text(str(self._process.pid))
            try:
                self._wait_until_it_answers(self._process, ports)
            except BaseException:
                self.kill()
                raise
        self._ports = ports

    def _spawn(self, server: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        limit = min(_OPEN_FILES, _hard_limit_of_open_files())
        with self._log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - an absolute path that we looked up ourselves
                # The folder is an argument that Erlang ignores: it marks the processes as ours.
                ["/bin/sh", "-c", f'ulimit -n {limit}; exec "$0" "$@"', server, "-toolwire", self.folder],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes], ports: Ports) -> None:
        deadline = time.monotonic() + _BOOT_SECONDS
        while not self._answers(ports):
            if process.poll() is not None:
                raise _failure(self._log, "the private node ended at its start")
            if time.monotonic() > deadline:
                raise _failure(self._log, f"the private node did not answer in {_BOOT_SECONDS:.0f} seconds")
            time.sleep(0.05)

    def _answers(self, ports: Ports) -> bool:
        # A peer that speaks AMQP 0-9-1 answers this header with a method frame (type 1) on channel 0.
        if _first_bytes(ports.amqp, b"AMQP\x00\x00\x09\x01", 3) != b"\x01\x00\x00":
            return False
        return not self.management or _first_bytes(ports.management, b"GET / HTTP/1.0\r\n\r\n", 4) == b"HTTP"


def _failure(log: Path, what: str) -> NodeError:
    said = log.read_text(errors="replace")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
    last = (telling or lines or ["it said nothing"])[-1]
    taken = "eaddrinuse" in said or "already in use" in said
    return (_PortTaken if taken else NodeError)(f"{what}: {last} (see {log})")


def _first_bytes(port: int, greeting: bytes, count: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(greeting)
            return connection.recv(count, socket.MSG_WAITALL)
    except OSError:
        return b""


def _signal_groups(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.killpg(os.getpgid(pid), what)


def _read_pid(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _command_line(pid: int) -> str:
    asked = subprocess.run(  # noqa: S603 - a number
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607 - POSIX, wherever it is installed
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout


def _hard_limit_of_open_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _OPEN_FILES if hard == resource.RLIM_INFINITY else hard
