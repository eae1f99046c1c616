"""A bench to test a service on: a home with keys, a transport, and what runs there."""

import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic_settings import PydanticBaseSettingsSource

from toolwire.broker.topology import call_queue
from toolwire.broker.transport import Transport
from toolwire.client import Client
from toolwire.client.settings import read_settings
from toolwire.services import Replica, Service, ServiceSettings
from toolwire.services.homes.provision import add_client, add_server, create_home
from toolwire.testing.crashes import Mortal, Restarted
from toolwire.testing.faults import Faults
from toolwire.testing.memory import MemoryBroker

CLIENT = "test-client"
TIMEOUT_S = 10.0
LEASE_S = 1.0
GRACE_S = 1.0


class Bench:
    """One service, its home, and what carries its messages; what `in_memory` and the fixtures are made of.

        bench = Bench(service, tmp_path, MemoryBroker(), clients=["ada", "bob"])
        async with bench.running(), bench.client("ada") as ada, bench.client("bob") as bob:
            ...

    `clients` are listed in the registry and may use every tool; the first one is what `client` makes.
    `timeout` is theirs, in seconds. `settings` are fields of `ServiceSettings`: what is not given has its
    default, and neither the environment nor a toolwire.toml is read. The lease is short, so that a test of a
    lost replica need not wait for long. Several services that work together have a bench each, with the same
    home and the same transport.
    """

    def __init__(
        self,
        service: Service[Any],
        home: Path | str,
        transport: Transport,
        *,
        clients: Sequence[str] = (CLIENT,),
        timeout: float = TIMEOUT_S,
        faults: Faults | None = None,
        **settings: Any,
    ) -> None:
        self.service = service
        self.home = create_home(home)
        self.transport = transport if faults is None else faults.around(transport)
        self.clients = tuple(clients)
        self.timeout = timeout
        self.faults = faults
        given = {"lease_s": LEASE_S, "grace_s": GRACE_S, **settings, "home": self.home.path}
        self.settings = read_settings(_Given, **given)
        add_server(self.home, service.server_id)
        for client_id in self.clients:
            add_client(self.home, client_id)

    def client(self, client_id: str | None = None, **given: Any) -> Client:
        """A client of the service, to be entered; `given` are further parameters of `Client`."""
        known: dict[str, Any] = {
            "server": self.service.server_id,
            "broker": (),
            "home": self.home.path,
            "timeout": self.timeout,
            "transport": self.transport,
        }
        return Client(client_id or self.clients[0], **known | given)

    def replica(self) -> Replica:
        """A replica, to be entered; there may be several."""
        return self._of(self.service)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Replica]:
        """A replica that runs; where the faults let it crash, fresh ones take its place."""
        if self.faults is None:
            async with self.replica() as replica:
                yield replica
        else:
            mortal = Mortal(self.service, self.faults)
            async with Restarted(lambda: self._of(mortal), self.faults) as kept:
                yield kept.replica

    async def others(self) -> int:
        """How many replicas that are not of this bench serve the same server id on its broker already.

        With keys of another home they would put aside, as junk, what this bench's clients ask.
        """
        async with self.transport.publisher(name=f"{self.service.server_id} tests") as sender:
            await sender.wait_connected(self.timeout)
            return await sender.consumers(call_queue(self.service.server_id).name) or 0

    def _of(self, service: Service[Any]) -> Replica:
        return service.running(self.settings, transport=self.transport)


@asynccontextmanager
async def in_memory(
    service: Service[Any],
    *,
    client_id: str = CLIENT,
    timeout: float = TIMEOUT_S,
    faults: Faults | None = None,
    **settings: Any,
) -> AsyncGenerator[Client]:
    """A client of the service, which runs for as long as the block lasts; no broker is needed.

        async with in_memory(service) as client:
            assert await client.call(add, a=1, b=2) == 3

    Everything is real but the broker: every message is sealed and verified with fresh keys, every record is
    in a store on SQLite, in a temporary folder that is gone afterwards. `client_id` is who asks, and what
    tools see as `ctx.client_id`. `timeout`, `faults` and `settings` are those of `Bench`.
    """
    with tempfile.TemporaryDirectory(prefix="toolwire-") as home:
        bench = Bench(
            service, home, MemoryBroker(), clients=[client_id], timeout=timeout, faults=faults, **settings
        )
        async with bench.running(), bench.client() as client:
            yield client


class _Given(ServiceSettings):
    """Only what a test gives: the developer's own environment and files stay out of it."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type,  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The given ones alone."""
        return (init_settings,)
