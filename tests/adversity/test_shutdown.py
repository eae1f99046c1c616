"""What a stopping replica must not begin any more."""

import asyncio

import pytest

from tests.served import ship
from tests.stage import Stage

BRIEF_S = 0.3


@pytest.mark.promise("P7", "P8")
async def test_a_call_that_waits_for_a_place_is_run_by_another_replica(stage: Stage) -> None:
    """The place gets free when the grace time is over: whoever began then would be interrupted at once."""
    async with stage.client() as client:
        async with stage.replica(places=1, grace_s=BRIEF_S):
            first = asyncio.create_task(client.call(ship, "never"))
            await stage.noted("ship never")
            second = asyncio.create_task(client.call(ship, "gate"))
            await client.server_identity()  # behind the second call, so that it has arrived
        assert stage.diary.lines() == ["ship never"]
        async with stage.replica():
            stage.diary.open("gate")
            assert await second == "gate"
        (interrupted,) = await asyncio.gather(first, return_exceptions=True)
        assert isinstance(interrupted, Exception)
    assert stage.diary.lines() == ["ship never", "ship gate"]
