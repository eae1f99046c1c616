"""Every wait ends when its time is up, though one timer serves all."""

import asyncio

from tests.waiting import wait_until
from toolwire.broker.deadlines import Deadlines
from toolwire.broker.gather import Caller, Gathering
from toolwire.broker.message import Outgoing
from toolwire.broker.topology import Route


def caller(seconds: float) -> Caller:
    loop = asyncio.get_running_loop()
    message = Outgoing(Route("tw.requests", "server-1.add"), b"{}", "request", f"in {seconds} s")
    return Gathering().add(message, loop.time() + seconds, seconds, loop.create_future())


async def test_who_waits_is_called_in_time_and_who_has_gone_is_not() -> None:
    late: list[Caller] = []
    deadlines = Deadlines(late.append)
    soon, gone, sooner, past, long = caller(0.1), caller(0.05), caller(0.02), caller(-1), caller(60)
    for each in (long, soon, gone, sooner, past):
        deadlines.add(each)
    deadlines.discard(gone)
    await wait_until(lambda: len(late) == 3, 15, "three are called")
    assert late == [past, sooner, soon]
    now = asyncio.get_running_loop().time()
    assert all(each.deadline <= now for each in late)
    deadlines.stop()


async def test_one_that_comes_after_the_others_are_gone_is_called_too() -> None:
    late: list[Caller] = []
    deadlines = Deadlines(late.append)
    for _ in range(2):
        late.clear()
        deadlines.add(caller(0.01))
        await wait_until(lambda: late, 15, "it is called")


async def test_nobody_is_called_after_the_end() -> None:
    late: list[Caller] = []
    deadlines = Deadlines(late.append)
    deadlines.add(caller(0))
    deadlines.stop()
    last = caller(0.02)
    other = Deadlines(late.append)
    other.add(last)
    await wait_until(lambda: late, 15, "the other one works")
    assert late == [last]
