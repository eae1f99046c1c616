"""The store is away for a minute, with the lease that a replica has by default, while healthy jobs run."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from tests.adversity.doomed import doomed
from tests.adversity.outages import Outage, jobs_outlive, locked, silenced
from tests.adversity.tcp_proxy import TcpProxy
from tests.chaos.ground import Ground, tell
from tests.served import Diary
from toolwire.services.homes.provision import add_server

LEASE_S = 15.0
AWAY_S = 60.0


async def run(ground: Ground) -> None:
    """One run on each store, both at the same time. AssertionError where a job was taken over or lost."""
    async with TcpProxy(ground.database.url) as proxy:
        locking: Outage = partial(locked, ground.home.store_file)
        silencing: Outage = partial(silenced, proxy)
        await asyncio.gather(
            _one(ground, "on-sqlite", ground.sqlite, locking),
            _one(ground, "on-postgresql", proxy.url, silencing),
        )
    tell(f"jobs of two replicas outlive a store that is away for {AWAY_S:.0f} s; leases of {LEASE_S:.0f} s")


async def _one(ground: Ground, server_id: str, store: str, outage: Outage) -> None:
    folder = ground.home.path / server_id
    folder.mkdir()
    add_server(ground.home, server_id)
    settings = {"home": ground.home.path, "broker_url": ground.node.url, "store": store}
    settings |= {"lease_s": LEASE_S, "job_slots": 2}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(ground.client(timeout=2 * AWAY_S))
        for _ in range(2):
            await stack.enter_async_context(doomed(server_id, folder, "", settings))
        asking = client.options(server=server_id)
        await jobs_outlive(outage, asking, Diary(folder), lease_s=LEASE_S, away_s=AWAY_S)
