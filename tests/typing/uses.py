"""What the type checkers say about calls, right and wrong. Never run: `test_uses.py` has it checked.

`assert_type` pins the types of right uses. Beside a wrong one stands what mypy says, as the ignore comment
that keeps the repository clean, and what pyright says.
"""

from typing import assert_type

from pydantic import BaseModel, JsonValue, TypeAdapter

from toolwire.client import (
    Cancelled,
    Catalogue,
    Client,
    Current,
    Done,
    Failed,
    Job,
    JobList,
    JobSnapshot,
    Output,
    Progress,
    Progressed,
    ServerIdentity,
    Started,
)
from toolwire.services.context import JobContext
from toolwire.services.service import Service


class Total(BaseModel):
    total: float


service = Service("server-1")


@service.tool(read_only=True)
async def batch_sum(numbers: list[float], *, scale: float = 1) -> Total:
    return Total(total=scale * sum(numbers))


@service.tool()
def spell(number: int) -> str:
    return str(number)


@service.job(max_attempts=3)
async def count_up(ctx: JobContext[None], seconds: int, label: str = "") -> list[str]:
    await ctx.progress(0.5, label)
    return [label] * seconds


# --- calls ---


async def right_calls(client: Client) -> None:
    assert_type(await client.call(batch_sum, [1, 2]), Total)
    assert_type(await client.call(batch_sum, numbers=[1, 2], scale=2), Total)
    assert_type(await client.call(spell, 3), str)
    assert_type(await client.call(count_up, seconds=2), list[str])
    assert_type(await client.options(timeout=5, request_id="order-17").call(spell, number=3), str)
    assert_type(await client.call("spell", {"number": 3}), JsonValue)
    assert_type(await client.call("batch_sum", {"numbers": [1]}, returns=Total), Total)
    assert_type(await client.call("spell_all", returns=list[str]), list[str])
    assert_type(
        await client.call("spell", Total(total=1), returns=TypeAdapter[str | None](str | None)), str | None
    )


async def wrong_calls(client: Client) -> None:
    await client.call(batch_sum, numers=[1])  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call(batch_sum, numbers="12")  # type: ignore[call-overload]  # pyright says reportArgumentType
    await client.call(batch_sum)  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call(spell, 3, 4)  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call(spell, number=3, timeout=5)  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call("spell", number=3)  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    await client.call("spell", {"number": 3}, timeout=5)  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    await client.call("spell", [3])  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    client.options(priority=1)  # type: ignore[call-arg]  # pyright says reportCallIssue
    total: str = await client.call(batch_sum, [1])  # type: ignore[call-overload]  # pyright says reportAssignmentType
    assert total


async def a_decorated_function_stays_one(ctx: JobContext[None]) -> None:
    assert_type(await batch_sum([1, 2]), Total)
    assert_type(spell(3), str)
    assert_type(await count_up(ctx, 2), list[str])


# --- jobs ---


async def right_jobs(client: Client) -> None:
    job = await client.submit(count_up, seconds=2)
    assert_type(job, Job[list[str]])
    assert_type(await job.result(timeout=30), list[str])
    assert_type(await job.poll(), JobSnapshot)
    assert_type(await job.cancel(), JobSnapshot)
    assert_type(await client.submit("count_up", {"seconds": 2}), Job[JsonValue])
    assert_type(await client.submit("count_up", {"seconds": 2}, returns=list[str]), Job[list[str]])
    assert_type(client.job("job-1"), Job[JsonValue])
    assert_type(client.job("job-1", returns=Total, server="server-2"), Job[Total])


async def wrong_jobs(client: Client) -> None:
    await client.submit(batch_sum, [1])  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    await client.submit(count_up, second=2)  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.submit(count_up, None, 2)  # type: ignore[call-overload]  # pyright says reportArgumentType
    job = await client.submit(count_up, seconds=2)
    await job.result(5)  # type: ignore[call-arg]  # pyright says reportCallIssue
    await job.wait()  # type: ignore[attr-defined]  # pyright says reportAttributeAccessIssue, reportUnknownMemberType


async def events(job: Job[list[str]]) -> None:
    async for event in job.events():
        match event:
            case Current(snapshot) | Started(snapshot):
                assert_type(snapshot, JobSnapshot)
            case Progressed(progress=progress):
                assert_type(progress, Progress)
            case Output(output=output) | Done(result=output):
                assert_type(output, JsonValue)
            case Failed(error=error):
                assert_type(error.reason, str | None)
            case Cancelled():
                assert event.result  # type: ignore[attr-defined]  # pyright says reportAttributeAccessIssue, reportUnknownMemberType
            case _:
                pass


# --- the server ---


async def about_the_server(client: Client) -> None:
    assert_type(await client.server_identity(), ServerIdentity)
    assert_type(await client.options(server="server-2").list_tools(), Catalogue)
    assert_type(await client.list_jobs(limit=10), JobList)
