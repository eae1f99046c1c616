"""What a run stands on: a private RabbitMQ, a PostgreSQL, a home with keys, and replicas in processes."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.database import Database
from tests.chaos.replica import GATE, SERVER
from toolwire.broker.node import PrivateNode
from toolwire.client import Client
from toolwire.client.home import Home
from toolwire.services.homes.provision import add_client, add_server, create_home

CLIENT = "client-001"
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Process:
    """One replica."""

    process: asyncio.subprocess.Process
    log: Path

    @property
    def memory_mb(self) -> float:
        """What it has in memory (VmRSS)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    async def kill(self) -> None:
        """End it without a warning (SIGKILL)."""
        self.process.kill()
        await self.process.wait()


@dataclass(frozen=True, slots=True)
class Ground:
    """One home on one broker and one database."""

    node: PrivateNode
    database: Database
    home: Home

    @property
    def sqlite(self) -> str:
        """The URL of the home's own store."""
        return f"sqlite:///{self.home.store_file}"

    @asynccontextmanager
    async def replicas(self, count: int, **settings: Any) -> AsyncGenerator[list[Process]]:
        """That many replicas, ready; killed at the end of the block."""
        started = [await self._started(number, settings) for number in range(count)]
        try:
            for each in started:
                assert each.process.stdout is not None
                assert await each.process.stdout.readline(), each.log.read_text(encoding="utf-8")
            yield started
        finally:
            for each in started:
                if each.process.returncode is None:
                    await each.kill()

    async def _started(self, number: int, settings: dict[str, Any]) -> Process:
        given = {"home": self.home.path, "broker_url": self.node.url, **settings}
        log = self.home.path / f"replica-{number}.log"
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.chaos.replica"),
                cwd=ROOT,
                env=os.environ | {f"TOOLWIRE_{name.upper()}": str(value) for name, value in given.items()},
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        return Process(process, log)

    def client(self, timeout: float = 60.0) -> Client:
        """A client of the service, to be entered."""
        return Client(CLIENT, server=SERVER, broker=self.node.url, home=self.home.path, timeout=timeout)

    def ran(self) -> Counter[str]:
        """How often each thing ran, in whichever process."""
        files = self.home.path.glob("ran-*")
        return Counter(line for file in files for line in file.read_text(encoding="utf-8").splitlines())

    def open_gate(self) -> None:
        """Let through whoever holds a slot."""
        (self.home.path / GATE).touch()

    def said(self) -> str:
        """What the replicas logged: warnings and errors."""
        return "".join(log.read_text(encoding="utf-8") for log in self.home.path.glob("replica-*.log"))


@asynccontextmanager
async def ground() -> AsyncGenerator[Ground]:
    """A fresh one; everything goes at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="toolwire-chaos-home-") as folder:
        home = create_home(folder)
        add_server(home, SERVER)
        add_client(home, CLIENT)
        with PrivateNode() as node, Database(_free_port()) as database:
            yield Ground(node, database, home)


def tell(text: str) -> None:
    """A line for who watches."""
    print(text, flush=True)  # noqa: T201 - that is what it is for


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
