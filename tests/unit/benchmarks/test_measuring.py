"""How calls are measured, by every program of every contender."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from benchmarks.peers import measuring
from benchmarks.peers.measuring import NUMBERS, batch_sum, measure, measure_in_threads, percentile_ms

IN_FLIGHT = 3


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "WARM_UP_S", 0.02)


def events(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    warm, done = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    return warm, done


async def right() -> Any:
    await asyncio.sleep(0.001)
    return batch_sum(NUMBERS)


async def wrong() -> Any:
    return {"total": 0.0}


async def broken() -> Any:
    raise ConnectionError("gone")


async def test_as_many_callers_call_as_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    under_way: list[int] = [0]
    most: list[int] = []

    async def call() -> Any:
        under_way[0] += 1
        most.append(under_way[0])
        answer = await right()
        under_way[0] -= 1
        return answer

    await measure(call, IN_FLIGHT, 0.1)
    warm, done = events(capsys)
    assert warm == {"warm": True}
    assert max(most) == IN_FLIGHT
    assert 0 < done["done"] < len(most), "those of the warm-up are not counted"
    assert done["errors"] == 0
    assert 0 < done["p50_ms"] <= done["p99_ms"]


@pytest.mark.parametrize(("call", "error"), [(wrong, "WrongAnswer"), (broken, "ConnectionError: gone")])
async def test_a_wrong_answer_is_as_bad_as_none(
    capsys: pytest.CaptureFixture[str], call: Callable[[], Awaitable[Any]], error: str
) -> None:
    await measure(call, IN_FLIGHT, 0.05)
    _, done = events(capsys)
    assert (done["done"], done["errors"]) == (0, IN_FLIGHT)
    assert done["first_error"].startswith(error)


def test_threads_are_measured_alike(capsys: pytest.CaptureFixture[str]) -> None:
    measure_in_threads(lambda: batch_sum(NUMBERS), IN_FLIGHT, 0.05)
    _, done = events(capsys)
    assert done["done"] > 0
    assert done["errors"] == 0


def test_percentiles() -> None:
    hundred = [number / 1000 for number in range(100)]
    assert (percentile_ms(hundred, 0.5), percentile_ms(hundred, 0.99)) == (50.0, 99.0)
    assert percentile_ms([], 0.5) is None
