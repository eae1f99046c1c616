"""News reach their one reader in order, and a wait for them ends in time."""

import asyncio

import pytest

from toolwire.client.inbox import Inbox

LATER_S = 10.0


@pytest.fixture
async def later() -> float:
    """A deadline that no test reaches."""
    return asyncio.get_running_loop().time() + LATER_S


async def test_what_waits_is_read_at_once_and_in_order(later: float) -> None:
    inbox = Inbox[int]()
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert (inbox.qsize(), inbox.empty()) == (2, False)
    assert [await inbox.get(later), await inbox.get(later)] == [1, 2]
    assert (inbox.qsize(), inbox.empty()) == (0, True)


async def test_who_waits_is_woken(later: float) -> None:
    inbox = Inbox[int]()
    reading = asyncio.create_task(inbox.get(later))
    await asyncio.sleep(0)
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert await reading == 1
    assert inbox.get_nowait() == 2


@pytest.mark.promise("P7")
async def test_a_wait_ends_at_its_deadline() -> None:
    inbox = Inbox[int]()
    now = asyncio.get_running_loop().time
    for until in (now() - 1, now(), now() + 0.01):
        with pytest.raises(TimeoutError):
            await inbox.get(until)
        assert now() >= until


async def test_what_comes_with_the_deadline_is_read_all_the_same() -> None:
    inbox = Inbox[int]()
    loop = asyncio.get_running_loop()
    until = loop.time() + 0.01
    loop.call_at(until, inbox.put_nowait, 1)
    reading = asyncio.create_task(inbox.get(until))
    assert await reading == 1


async def test_who_was_cancelled_leaves_nothing_behind(later: float) -> None:
    inbox = Inbox[int]()
    reading = asyncio.create_task(inbox.get(later))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    inbox.put_nowait(1)
    assert await inbox.get(later) == 1
