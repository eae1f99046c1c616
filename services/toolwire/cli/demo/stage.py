"""What the demo happens on: a broker, a folder with keys, and two replicas that share a store."""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from toolwire.broker.node import PrivateNode
from toolwire.broker.publish import Publisher
from toolwire.broker.topology import call_queue
from toolwire.cli.demo.replicas import ReplicaProcess, wait_until
from toolwire.cli.demo.telling import show
from toolwire.cli.dev import no_rabbitmq
from toolwire.client import Client
from toolwire.client.home import Home
from toolwire.client.settings import Settings, read_settings
from toolwire.contracts.errors import ConfigurationError
from toolwire.services.demo import SERVER_ID
from toolwire.services.homes.provision import add_client, add_server, create_home

T = TypeVar("T")

Kind = Literal["url", "node", "container"]

CLIENT_ID = "client-001"
NAMES = ("replica A", "replica B")
CONNECT_S = 10.0
ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that the steps need."""

    broker_url: str
    home: Home
    ed25519_key: str
    hmac_key: str
    replicas: tuple[ReplicaProcess, ReplicaProcess]

    def client(self, key: str | None = None) -> Client:
        """A client, to be entered; it signs with that key."""
        return Client(
            CLIENT_ID,
            server=SERVER_ID,
            broker=self.broker_url,
            home=self.home.path,
            key=key or self.ed25519_key,
            timeout=ANSWER_S,
        )

    def log_lines(self, part: str) -> list[str]:
        """The lines of all replicas' logs that hold `part`."""
        return [line for replica in self.replicas for line in replica.lines(part)]

    def runs(self, job_id: str) -> tuple[ReplicaProcess, ReplicaProcess]:
        """The replica that runs a job, and the other one: its log says so."""
        one, other = self.replicas
        return (one, other) if one.lines(f"(job {job_id}) runs") else (other, one)

    async def answering(self, question: Awaitable[T]) -> tuple[T, ReplicaProcess]:
        """The answer to the only question that is asked now, and the replica that gave it: its log grew."""
        before = {replica: len(replica.lines("answered request")) for replica in self.replicas}

        def grown() -> list[ReplicaProcess]:
            return [each for each in self.replicas if len(each.lines("answered request")) > before[each]]

        answer = await question
        await wait_until(grown, "a replica notes in its log that it answered")
        return answer, grown()[0]


@contextmanager
def broker(kind: Kind | None) -> Generator[str]:
    """The URL of a broker: the one that TOOLWIRE_BROKER_URL names, or one that lives as long as the block.

    Raises `ConfigurationError` or `NodeError` where there is none.
    """
    if kind == "url" or (kind is None and os.environ.get("TOOLWIRE_BROKER_URL")):
        show("the broker that TOOLWIRE_BROKER_URL names")
        yield ",".join(read_settings(Settings).broker_urls())
    elif kind == "container":
        # Imported here: only tests and this need Docker's client.
        from toolwire.testing.containers import container_broker, image_name

        show(f"a RabbitMQ in a container of {image_name()}, for as long as this takes")
        with container_broker(image_name()) as container:
            yield container.url
    elif PrivateNode.installed() is None:
        raise ConfigurationError(no_rabbitmq())
    else:
        with PrivateNode() as node:
            show(f"a private RabbitMQ on 127.0.0.1:{node.port}, for as long as this takes")
            yield node.url


@asynccontextmanager
async def stage(broker_url: str) -> AsyncGenerator[Stage]:
    """Keys in a fresh folder and two replicas, all gone when the block ends."""
    await _nobody_else_serves(broker_url)
    with tempfile.TemporaryDirectory(prefix="toolwire-demo-") as folder:
        home = create_home(Path(folder) / ".toolwire")
        add_server(home, SERVER_ID)
        ed25519_key = add_client(home, CLIENT_ID)
        hmac_key = add_client(home, CLIENT_ID, hmac_for=SERVER_ID)
        show(f"new keys: {ed25519_key} (Ed25519) and {hmac_key} (HMAC-SHA256) for {CLIENT_ID}")
        started: list[ReplicaProcess] = []
        try:
            for name in NAMES:
                replica = await ReplicaProcess.start(name, broker_url=broker_url, home=home.path)
                started.append(replica)
            await asyncio.gather(*(replica.ready() for replica in started))
            show(
                "two replicas of one service: "
                + ", ".join(f"{each.name} (pid {each.pid})" for each in started)
            )
            yield Stage(broker_url, home, ed25519_key, hmac_key, (started[0], started[1]))
        except Exception:
            for replica in started:
                show(f"the last lines of the log of {replica.name}:")
                for line in replica.last_lines():
                    show(f"  {line}")
            raise
        finally:
            await asyncio.gather(*(replica.kill() for replica in started))


async def _nobody_else_serves(broker_url: str) -> None:
    """Other replicas of the same server know other keys: they would refuse half of the demo's messages."""
    async with Publisher(broker_url.split(","), name="toolwire demo") as look:
        await look.wait_connected(CONNECT_S)
        if await look.consumers(call_queue(SERVER_ID).name):
            raise ConfigurationError(
                f"somebody serves {SERVER_ID} on this broker already (`toolwire dev`?): stop that, or name "
                "another virtual host in TOOLWIRE_BROKER_URL"
            )
