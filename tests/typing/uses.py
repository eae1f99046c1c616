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
    JobHistory,
    JobList,
    JobSnapshot,
    Output,
    Progress,
    Progressed,
    ServerIdentity,
    Started,
    SyncClient,
    SyncJob,
    declare,
    declare_job,
)
from toolwire.contracts.tools import JobTool, Tool
from toolwire.services import Backoff, Fail, JobContext, Retry, Router, Service, ToolContext


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


async def right_watches(client: Client) -> None:
    async with client.watch("desk", tools=[count_up, "spell"], events=["done"]) as watching:
        async for seen in watching:
            assert_type(seen.result(count_up), list[str])
            assert_type(seen.result(Total), Total)
            assert_type(seen.result(TypeAdapter[str | None](str | None)), str | None)
            assert_type(seen.result(), JsonValue)


async def wrong_calls(client: Client) -> None:
    await client.call(batch_sum, numers=[1])  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call(batch_sum, numbers="12")  # type: ignore[call-overload]  # pyright says reportArgumentType
    await client.call(batch_sum)  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call(spell, 3, 4)  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call(spell, number=3, timeout=5)  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call("spell", number=3)  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    await client.call("spell", {"number": 3}, timeout=5)  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    await client.call("spell", [3])  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    client.options(prioritee=1)  # type: ignore[call-arg]  # pyright says reportCallIssue
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
    assert_type(await job.history(), JobHistory)
    assert_type(await client.begin("count_up", {"seconds": 2}), Job[JsonValue] | JsonValue)
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
            case Output(pieces=pieces):
                assert_type(pieces, tuple[JsonValue, ...])
            case Done(result=result):
                assert_type(result, JsonValue)
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


# --- contracts without code ---


class AddIn(BaseModel):
    a: int
    b: int


add = declare("add", args=AddIn, returns=Total)
ping = declare("ping", returns=None)
maybe = declare("maybe", args=AddIn, returns=TypeAdapter[int | None](int | None))
build = declare_job("build", args=AddIn, returns=list[str])
assert_type(add, Tool[[AddIn], Total])
assert_type(ping, Tool[[], None])
assert_type(maybe, Tool[[AddIn], int | None])
assert_type(build, JobTool[[AddIn], list[str]])


async def declared_calls(client: Client) -> None:
    assert_type(await client.call(add, AddIn(a=1, b=2)), Total)
    assert_type(await client.call(maybe, AddIn(a=1, b=2)), int | None)
    assert_type(await client.submit(build, AddIn(a=1, b=2)), Job[list[str]])
    await client.call(ping)
    await client.call(add, Total(total=1))  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    await client.call(add, a=1, b=2)  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.call(ping, AddIn(a=1, b=2))  # type: ignore[call-overload]  # pyright says reportCallIssue
    await client.submit(add, AddIn(a=1, b=2))  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue


@service.implements(add, read_only=True)
async def add_them(args: AddIn) -> Total:
    return Total(total=args.a + args.b)


@service.implements(maybe)
def may_be(args: AddIn) -> int | None:
    return args.a or None


@service.implements(add, context=True)
async def add_in_context(ctx: ToolContext[None], args: AddIn) -> Total:
    return Total(total=args.a + args.b)


@service.implements(build, max_attempts=3)
async def build_it(ctx: JobContext[None], args: AddIn) -> list[str]:
    return [str(args.a)]


async def an_implementation_stays_a_function(ctx: JobContext[None]) -> None:
    assert_type(await add_them(AddIn(a=1, b=2)), Total)
    assert_type(may_be(AddIn(a=1, b=2)), int | None)
    assert_type(await build_it(ctx, AddIn(a=1, b=2)), list[str])


def two_numbers(a: int, b: int) -> Total:
    return Total(total=a + b)


async def another_result(args: AddIn) -> str:
    return str(args.a)


async def without_context(args: AddIn) -> list[str]:
    return [str(args.a)]


service.implements(add)(two_numbers)  # type: ignore[arg-type]  # pyright says reportArgumentType, reportCallIssue
service.implements(add)(another_result)  # type: ignore[arg-type]  # pyright says reportArgumentType, reportCallIssue
service.implements(build)(without_context)  # type: ignore[arg-type]  # pyright says reportArgumentType, reportCallIssue
service.implements(add, max_attempts=3)  # type: ignore[call-overload]  # pyright says reportArgumentType
service.implements(build, read_only=True)  # type: ignore[call-overload]  # pyright says reportArgumentType


# --- how tools and jobs run ---


@service.job(
    max_attempts=5,
    retry_on=(ConnectionError, TimeoutError),
    backoff=Backoff(first=0.5, longest=60),
    time_limit=600,
    revisions="same",
    run_in="process",
    asks=(Total,),
)
def all_that_a_job_may_say(ctx: JobContext[None], number: int) -> str:
    ctx.check()
    if ctx.cancelled:
        raise Fail("too_late", "Nobody waits", {"number": number})
    raise Retry(after=2.5, message="Later")


@service.tool(time_limit=0.5, run_in="thread", context=True)
def all_that_a_tool_may_say(ctx: ToolContext[None], number: int) -> str:
    assert_type(ctx.cancelled, bool)
    return str(number)


async def what_was_said_changes_no_type(
    client: Client, job: JobContext[None], tool: ToolContext[None]
) -> None:
    assert_type(await (await client.submit(all_that_a_job_may_say, 1)).result(), str)
    assert_type(all_that_a_job_may_say(job, 1), str)
    assert_type(await client.call(all_that_a_tool_may_say, number=1), str)
    assert_type(all_that_a_tool_may_say(tool, 1), str)


service.implements(build, max_attempts=2, retry_on=(OSError,), asks=(Total,), time_limit=5)(build_it.function)
service.implements(add, time_limit=5, run_in="thread")

service.job(retry_on=ConnectionError)  # type: ignore[arg-type]  # pyright says reportArgumentType
service.job(retry_on=(KeyboardInterrupt,))  # type: ignore[arg-type]  # pyright says reportArgumentType
service.job(backoff=5)  # type: ignore[arg-type]  # pyright says reportArgumentType
service.job(time_limit="5")  # type: ignore[arg-type]  # pyright says reportArgumentType
service.job(revisions="newer")  # type: ignore[arg-type]  # pyright says reportArgumentType
service.job(asks=(str,))  # type: ignore[arg-type]  # pyright says reportArgumentType
service.job(read_only=True)  # type: ignore[call-arg]  # pyright says reportCallIssue
service.job(max_atempts=3)  # type: ignore[call-arg]  # pyright says reportCallIssue
service.tool(max_attempts=3)  # type: ignore[call-overload]  # pyright says reportCallIssue
service.tool(run_in="fork")  # type: ignore[call-overload]  # pyright says reportArgumentType
service.implements(add, retry_on=(OSError,))  # type: ignore[call-overload]  # pyright says reportArgumentType
service.implements(build, name="make")  # type: ignore[call-overload]  # pyright says reportCallIssue
Retry("soon")  # type: ignore[arg-type]  # pyright says reportArgumentType


# --- routers ---


class App:
    """What tools share."""


plain = Router(prefix="plain.")
billing = Router[App](prefix="billing.")
assert_type(plain, Router[None])
assert_type(billing, Router[App])


@billing.tool(context=True)
async def invoice_total(ctx: ToolContext[App], number: str) -> float:
    assert_type(ctx.state, App)
    return len(number)


async def tools_of_routers(client: Client) -> None:
    assert_type(await client.call(invoice_total, number="1"), float)
    await client.call(invoice_total, number=1)  # type: ignore[call-overload]  # pyright says reportArgumentType


service.include(plain)
service.include(billing)  # type: ignore[arg-type]  # pyright says reportArgumentType


@billing.job()  # type: ignore[arg-type]  # pyright says reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator
async def of_another_state(ctx: JobContext[None]) -> None: ...


# --- without an event loop ---


def sync_calls(client: SyncClient) -> None:
    assert_type(client.call(batch_sum, [1, 2]), Total)
    assert_type(client.call(add, AddIn(a=1, b=2)), Total)
    assert_type(client.options(timeout=5).call("spell", {"number": 3}), JsonValue)
    assert_type(client.call("batch_sum", {"numbers": [1]}, returns=Total), Total)
    job = client.submit(count_up, seconds=2)
    assert_type(job, SyncJob[list[str]])
    assert_type(job.result(timeout=30), list[str])
    assert_type(job.poll(), JobSnapshot)
    assert_type(client.job("job-1", returns=Total), SyncJob[Total])
    for event in job.events():
        if isinstance(event, Progressed):
            assert_type(event.progress, Progress)
    client.call(batch_sum, numers=[1])  # type: ignore[call-overload]  # pyright says reportCallIssue
    client.call(spell, number=3, timeout=5)  # type: ignore[call-overload]  # pyright says reportCallIssue
    client.submit(batch_sum, [1])  # type: ignore[call-overload]  # pyright says reportArgumentType, reportCallIssue
    job.result(5)  # type: ignore[call-arg]  # pyright says reportCallIssue
