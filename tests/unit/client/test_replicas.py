"""A queue that nobody serves is noticed after two looks, for the calls that wait on it."""

import asyncio
from collections.abc import Sequence

import pytest

from toolwire.broker.topology import call_queue
from toolwire.client.ledger import Ledger
from toolwire.client.replicas import watch_replicas
from toolwire.contracts.errors import NoReplica

EVERY = 0.01


async def look(ledger: Ledger, counts: Sequence[int | None]) -> list[str]:
    """Watch until every count was told once; the queues that were looked at."""
    looked: list[str] = []
    done = asyncio.Event()

    async def consumers(queue: str) -> int | None:
        looked.append(queue)
        if len(looked) > len(counts):
            done.set()
            await asyncio.Event().wait()
        return counts[len(looked) - 1]

    watching = asyncio.create_task(watch_replicas(ledger, consumers, EVERY))
    await asyncio.wait_for(done.wait(), 5)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return looked


@pytest.mark.parametrize(
    ("counts", "fails"),
    [([0], False), ([0, 0], True), ([0, 1, 0], False), ([0, None, 0], False), ([None, None], False)],
)
async def test_two_empty_looks_in_a_row_are_needed(counts: list[int | None], *, fails: bool) -> None:
    ledger = Ledger()
    with ledger.expecting("server-1", "request-1", submission=False) as pending:
        looked = await look(ledger, counts)
        assert pending.inbox.empty() is not fails
        if fails:
            assert isinstance(pending.inbox.get_nowait(), NoReplica)
    assert set(looked) == {call_queue("server-1").name}


async def test_nothing_is_looked_at_where_only_submissions_wait() -> None:
    ledger = Ledger()
    with (
        ledger.expecting("server-1", "request-1", submission=True),
        ledger.expecting("server-2", "request-2", submission=False),
    ):
        assert set(await look(ledger, [1, 1])) == {call_queue("server-2").name}
