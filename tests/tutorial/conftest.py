"""What every lesson needs: a home with keys, and a service that runs together with a client."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from toolwire.client import Client
from toolwire.services import Service
from toolwire.services.homes.provision import add_client, add_server, create_home

Together = Callable[[Service[Any]], AbstractAsyncContextManager[Client]]

CLIENT = "client-001"


@pytest.fixture
def together(vhost_url: str, tmp_path: Path) -> Together:
    """Run a service and give a client of it: `async with together(service) as client`."""

    @asynccontextmanager
    async def run(service: Service[Any]) -> AsyncGenerator[Client]:
        home = create_home(tmp_path / "home")
        add_server(home, service.server_id)
        add_client(home, CLIENT, allow=["*"])
        async with (
            service.running(home=home.path, broker_url=vhost_url, grace_s=1.0),
            Client(CLIENT, server=service.server_id, broker=vhost_url, home=home.path) as client,
        ):
            yield client

    return run
