"""How long a run may take, and what it is told when that is over."""

import asyncio
from collections.abc import Generator
from contextlib import suppress

import pytest

from toolwire.services.running.time_scope import Expiry, TimeScope

LONG, SHORT = 30.0, 0.01


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("seconds_left", "limit", "told"),
    [
        (SHORT, None, Expiry.DEADLINE),
        (SHORT, LONG, Expiry.DEADLINE),
        (LONG, SHORT, Expiry.LIMIT),
        (SHORT, SHORT, Expiry.DEADLINE),
    ],
)
async def test_the_nearer_one_ends_it_and_says_so(
    seconds_left: float, limit: float | None, told: Expiry
) -> None:
    said: list[str] = []
    scope = TimeScope(seconds_left, limit)

    async def scoped() -> None:
        with scope:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                said.append(str(error))
                raise

    with pytest.raises(TimeoutError):
        await scoped()
    assert (said, scope.expired) == ([told.value], told)


async def test_what_ends_in_time_is_left_alone() -> None:
    with TimeScope(LONG, SHORT) as scope:
        pass
    await asyncio.sleep(2 * SHORT)
    assert scope.expired is None


async def test_its_own_errors_pass() -> None:
    with pytest.raises(KeyError), TimeScope(LONG, None):
        raise KeyError


async def test_a_result_that_comes_all_the_same_stands() -> None:
    task = asyncio.current_task()
    assert task is not None
    with TimeScope(SHORT, None) as scope, suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    assert scope.expired is Expiry.DEADLINE
    assert task.cancelling() == 0, "or the next timeout in this task would go wrong"


async def test_a_cancellation_from_elsewhere_goes_on_as_one() -> None:
    started = asyncio.Event()

    async def scoped() -> None:
        with TimeScope(LONG, None):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(scoped())
    await started.wait()
    task.cancel("cancelled")
    with pytest.raises(asyncio.CancelledError, match="cancelled"):
        await task


async def test_a_cancellation_that_comes_with_the_end_goes_on_as_one() -> None:
    started = asyncio.Event()
    scope = TimeScope(SHORT, None)

    async def scoped() -> None:
        with scope:
            try:
                started.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                task.cancel("cancelled")
                raise

    task = asyncio.create_task(scoped())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scope.expired is Expiry.DEADLINE


# --- work that may wait for nothing ---


class Odd:
    """Suspends once, as a future does, and notes what it is woken with."""

    def __await__(self) -> Generator[object, object, str]:
        try:
            yield None
        except ValueError as error:
            return f"met {error}"
        return "woken"


async def test_work_gives_its_value_whether_it_waits_or_not() -> None:
    async def at_once() -> int:
        return 7

    async def waits() -> str:
        return await Odd() + await asyncio.sleep(0, " again")

    assert await TimeScope(LONG, None).over(at_once()) == 7
    assert await TimeScope(LONG, None).over(waits()) == "woken again"


@pytest.mark.parametrize("waits", [True, False])
async def test_what_work_raises_passes_through(waits: bool) -> None:
    async def breaks() -> None:
        if waits:
            await asyncio.sleep(0)
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await TimeScope(LONG, None).over(breaks())


async def test_work_that_takes_too_long_is_ended() -> None:
    scope = TimeScope(SHORT, None)
    with pytest.raises(TimeoutError):
        await scope.over(asyncio.Event().wait())
    assert scope.expired is Expiry.DEADLINE


async def test_work_hears_of_a_cancellation_and_may_go_on() -> None:
    """As it would when awaited without a limit."""
    heard: list[str] = []

    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            heard.append(str(error))
        return await asyncio.sleep(0, "done all the same")

    async def scoped() -> str:
        return await TimeScope(LONG, None).over(stubborn())

    task = asyncio.create_task(scoped())
    await asyncio.sleep(0)
    task.cancel("enough")
    assert (await task, heard) == ("done all the same", ["enough"])


async def test_work_whose_task_is_closed_is_closed() -> None:
    ended: list[str] = []

    async def tidies_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("closed")

    async def scoped() -> None:
        await TimeScope(LONG, None).over(tidies_up())

    work = scoped()
    work.send(None)
    work.close()
    assert ended == ["closed"]
