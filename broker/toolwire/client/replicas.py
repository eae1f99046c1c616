"""Notices that nobody serves a queue, so that calls need not wait for their deadline to learn it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from toolwire.broker.topology import call_queue
from toolwire.client.ledger import Ledger
from toolwire.contracts.errors import NoReplica

LOOK_EVERY_S = 1.0
LOOKS = 2
"""A restart leaves a queue without consumers for a moment: one look says nothing."""


async def watch_replicas(
    ledger: Ledger, consumers: Callable[[str], Awaitable[int | None]], every: float = LOOK_EVERY_S
) -> None:
    """For ever: look at the queues of calls that wait for long, and end those that nobody serves.

    `consumers` counts the consumers of a queue; None, where it cannot tell, lets the deadline decide.
    """
    empty: Counter[str] = Counter()
    while True:
        await asyncio.sleep(every)
        waiting = ledger.servers_of_calls(older_than=every)
        empty = Counter({server_id: count for server_id, count in empty.items() if server_id in waiting})
        for server_id in waiting:
            none = await consumers(call_queue(server_id).name) == 0
            empty[server_id] = empty[server_id] + 1 if none else 0
            if empty[server_id] >= LOOKS:
                ledger.fail_calls(server_id, NoReplica(server_id))
                empty[server_id] = 0
