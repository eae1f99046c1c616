"""Not a test: uses of the decorators, whose types mypy and pyright must infer when they check all files.

A line that must be refused is marked with the rules that refuse it. To mypy an ignore that is not needed is
an error itself, so that both directions are pinned.
"""

from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, assert_type

from pydantic import BaseModel

from toolwire.contracts.tools import JobTool, Tool
from toolwire.services import JobContext, Service, ToolContext


class App:
    """What the tools share."""


@asynccontextmanager
async def open_app() -> AsyncGenerator[App]:
    yield App()


plain = Service("server-1")
service = Service("server-2", lifespan=open_app)
assert_type(plain, Service[None])
assert_type(service, Service[App])


@service.tool(read_only=True)
async def async_tool(a: int, b: str = "") -> float:
    return a + len(b)


@service.tool()
def sync_tool(a: int) -> list[str]:
    return [str(a)]


@service.tool(context=True)
async def async_with_context(ctx: ToolContext[App], a: int) -> float:
    assert_type(ctx.state, App)
    return a


@service.tool(context=True)
def sync_with_context(ctx: ToolContext[App], a: int) -> float:
    return a


@service.job(max_attempts=3)
async def async_job(ctx: JobContext[App], a: int, *, b: bool = False) -> dict[str, int]:
    return {"a": a}


@service.job()
def sync_job(ctx: JobContext[App]) -> None: ...


class Approval(BaseModel):
    approved: bool


@service.job(asks=(Approval,))
async def asking_job(ctx: JobContext[App]) -> bool:
    approval = assert_type(ctx.ask(Approval, "Go on?", key="go"), Approval)
    await ctx.save({"approved": approval.approved})
    return approval.approved


# --- as functions ---


async def called_as_functions(tool: ToolContext[App], job: JobContext[App]) -> None:
    waiting = assert_type(async_tool(1, b="b"), Coroutine[Any, Any, float])
    assert_type(await waiting, float)
    assert_type(sync_tool(1), list[str])
    assert_type(await async_with_context(tool, 1), float)
    assert_type(sync_with_context(tool, a=1), float)
    assert_type(await async_job(job, 1, b=True), dict[str, int])
    sync_job(job)
    await async_with_context(1)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
    sync_tool("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# --- as what a client calls: the context is the service's own business ---

as_tool: Tool[[int, str], float] = async_tool
assert_type(async_tool.decode_result(1), float)
assert_type(sync_tool.decode_result([]), list[str])
assert_type(async_with_context.decode_result(1), float)
assert_type(sync_with_context.decode_result(1), float)
assert_type(async_job.decode_result({}), dict[str, int])
as_job: JobTool[[], None] = sync_job

async_tool.encode(1, b="b")
async_with_context.encode(a=1)
sync_with_context.encode(1)
async_job.encode(1, b=True)
sync_job.encode()
async_tool.encode("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async_tool.encode(1, c="c")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
async_with_context.encode()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
async_job.encode(1, True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
not_a_job: JobTool[[int], Any] = sync_tool  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


# --- refused: no parentheses, no context, another service's context ---


@service.tool  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
async def bare_tool(a: int) -> float:
    return a


@service.job  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def bare_job(ctx: JobContext[App]) -> None: ...


@service.job()  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
async def job_without_context() -> None: ...


@plain.job()  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
async def job_with_another_state(ctx: JobContext[App]) -> None: ...
