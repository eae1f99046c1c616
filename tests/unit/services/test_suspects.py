"""Suspects begin one at a time, and none of them is given back again and again for another one's sake."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.waiting import wait_until
from toolwire.services.requests import suspects as suspects_module
from toolwire.services.requests.suspects import MANY_RETURNS, MOST_CLAIMED, Suspects

SOON = 10.0


class Lane:
    """Suspects whose work waits until it is let go."""

    def __init__(self) -> None:
        self.suspects = Suspects()
        self.begun: list[str] = []
        self.made_room: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def come(self, name: str, returns: int = 0) -> None:
        self._gates[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._run(name, returns))

    def let_go(self, name: str) -> None:
        self._gates[name].set()

    def cancel(self, name: str) -> None:
        self._tasks[name].cancel()

    async def begins(self, count: int) -> None:
        await wait_until(lambda: len(self.begun) >= count, SOON, f"{count} have begun")

    async def end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, name: str, returns: int) -> None:
        async def work() -> None:
            self.begun.append(name)
            await self._gates[name].wait()

        if not await self.suspects.run(work, returns):
            self.made_room.append(name)


@pytest_asyncio.fixture
async def lane() -> AsyncIterator[Lane]:
    lane = Lane()
    yield lane
    await lane.end()


async def test_the_next_begins_when_the_former_has_ended(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects_module, "STEP_S", 600.0)
    for name in "abc":
        lane.come(name)
    for count in (1, 2, 3):
        await lane.begins(count)
        assert len(lane.begun) == count
        lane.let_go(lane.begun[-1])
    assert sorted(lane.begun) == ["a", "b", "c"]


async def test_a_slow_one_holds_up_the_others_for_a_moment_only(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspects_module, "STEP_S", 0.02)
    for name in "abc":
        lane.come(name)
    await lane.begins(3)


async def test_one_that_comes_when_all_are_done_begins_too(lane: Lane) -> None:
    for count, name in enumerate("ab", 1):
        lane.come(name)
        await lane.begins(count)
        lane.let_go(name)


@pytest.mark.parametrize("when", ["waiting", "running"])
async def test_one_that_is_cancelled_holds_up_nobody(
    lane: Lane, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspects_module, "STEP_S", 600.0)
    lane.come("a")
    if when == "running":
        await lane.begins(1)
    else:
        await asyncio.sleep(0)
    lane.cancel("a")
    lane.come("b")
    await wait_until(lambda: "b" in lane.begun, SOON, "the other one begins")


async def test_one_that_is_cancelled_just_before_the_draw_holds_up_nobody(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its future is cancelled already, and it has had no turn to leave."""
    monkeypatch.setattr(suspects_module, "GATHER_S", 0.02)
    asyncio.get_running_loop().call_later(0.01, lane.cancel, "a")
    lane.come("a")
    await asyncio.sleep(0)
    time.sleep(0.1)  # both timers are due in the next turn of the loop  # noqa: ASYNC251
    await asyncio.sleep(0)
    lane.come("b")
    await wait_until(lambda: "b" in lane.begun, SOON, "the other one begins")


@pytest.mark.promise("P9")
async def test_whoever_came_back_most_often_begins_and_the_others_make_room(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delivery limit is near: only one that may be the killer itself is counted on."""
    monkeypatch.setattr(suspects_module, "STEP_S", 600.0)
    lane.come("unlucky", MANY_RETURNS)
    lane.come("killer", MANY_RETURNS + 1)
    lane.come("fresh")
    await lane.begins(1)
    assert lane.begun == ["killer"]
    await wait_until(lambda: lane.made_room, SOON, "the unlucky one makes room")
    assert lane.made_room == ["unlucky"]
    lane.let_go("killer")
    await lane.begins(2)
    assert lane.begun == ["killer", "fresh"]


async def test_only_so_many_wait_by_their_header_alone(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects_module, "GATHER_S", 600.0)
    for number in range(MOST_CLAIMED):
        assert lane.suspects.takes_claimed
        lane.come(str(number))
        await asyncio.sleep(0)
    assert not lane.suspects.takes_claimed
