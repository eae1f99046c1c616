"""The places of a replica, and who waits for one."""

import asyncio
import gc

from toolwire.services.requests.places import Places

LONG, SHORT = 30.0, 0.01


async def test_there_are_so_many() -> None:
    places = Places(2)
    assert [places.take_now() for _ in range(3)] == [True, True, False]
    assert places.taken == 2


async def test_whoever_waits_longest_is_next() -> None:
    places = Places(1)
    assert await places.take(LONG)
    order: list[str] = []

    async def take(name: str) -> None:
        assert await places.take(LONG)
        order.append(name)
        places.give_back()

    waiting = [asyncio.create_task(take(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert not places.take_now()
    places.give_back()
    await asyncio.gather(*waiting)
    assert (order, places.taken) == (["a", "b", "c"], 0)


async def test_nobody_waits_for_longer_than_that() -> None:
    places = Places(1)
    assert places.take_now()
    assert not await places.take(SHORT)
    places.give_back()
    assert (places.taken, places.take_now()) == (0, True)


async def test_who_waits_no_longer_is_not_remembered() -> None:
    """A slow tool may hold all places for hours, while requests come and are refused."""
    places = Places(1)
    assert places.take_now()
    before = futures()
    for _ in range(10):
        assert not await places.take(0.0)
    assert futures() - before < 10


def futures() -> int:
    """How many are held by anybody."""
    return sum(isinstance(each, asyncio.Future) for each in gc.get_objects())


async def test_one_that_is_cancelled_keeps_no_place() -> None:
    """Neither while it waits, nor in the moment in which it is given one."""
    places = Places(1)
    assert places.take_now()
    waiting, given = (asyncio.create_task(places.take(LONG)) for _ in range(2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    places.give_back()
    given.cancel()
    await asyncio.gather(given, return_exceptions=True)
    assert given.cancelled()
    assert places.taken == 0
