"""The service of the end-to-end tests: a tool of each kind, watched from outside by what it writes down.

Tools that wait do so at a gate, which the test opens: no test guesses how long something takes.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, cast

from pydantic import BaseModel, Field, JsonValue

from toolwire.services import JobContext, Service, ToolContext, ToolError

SERVER = "server-1"
LOOK_EVERY_S = 0.01


class Diary:
    """What tools did, one line each, and the gates that they wait at. Outlives every process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "diary.txt"

    def note(self, line: str) -> None:
        """Write a line down, in one piece even beside other processes."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def lines(self) -> list[str]:
        """Everything that was written down, oldest first."""
        return self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []

    def open(self, gate: str) -> None:
        """Let through whoever waits at the gate and whoever comes."""
        (self._folder / f"{gate}.gate").touch()

    def is_open(self, gate: str) -> bool:
        """Whether the gate was opened."""
        return (self._folder / f"{gate}.gate").exists()

    async def passed(self, gate: str) -> None:
        """Wait at the gate."""
        while not self.is_open(gate):  # noqa: ASYNC110 - it may be opened by another process
            await asyncio.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def open_diary() -> AsyncGenerator[Diary]:
    """The diary in TOOLWIRE_HOME, which all replicas share."""
    yield Diary(Path(os.environ["TOOLWIRE_HOME"]))


service = Service(SERVER, lifespan=open_diary)


class Total(BaseModel):
    """How many numbers there were, and their sum."""

    count: int
    total: float


class Person(BaseModel):
    """Whom to greet."""

    name: Annotated[str, Field(min_length=1)]
    age: Annotated[int, Field(ge=0)]


class Seen(BaseModel):
    """What a tool was told of its request."""

    client_id: str
    request_id: str
    tool: str
    attempt: int


class Approval(BaseModel):
    """What a job asks of whoever may allow it."""

    approved: bool
    note: Annotated[str, Field(max_length=100)] = ""


class Made(BaseModel):
    """What came of a job, and in which attempt."""

    payload: JsonValue
    attempt: int


# --- tools that only read ---


@service.tool(read_only=True)
async def add(numbers: Annotated[list[float], Field(min_length=1)]) -> Total:
    """Add up numbers."""
    return Total(count=len(numbers), total=sum(numbers))


@service.tool(read_only=True)
async def mirror(value: JsonValue) -> JsonValue:
    """Give back what came."""
    return value


@service.tool(read_only=True)
async def greet(person: Person) -> str:
    """Greet one person, who is the whole of the arguments."""
    return f"Hello {person.name}, {person.age}"


@service.tool(read_only=True)
def thread_name() -> str:
    """Where a sync tool runs."""
    return threading.current_thread().name


@service.tool(read_only=True, context=True)
async def look_around(ctx: ToolContext[Diary]) -> Seen:
    """Tell what the context says."""
    return Seen(client_id=ctx.client_id, request_id=ctx.request_id, tool=ctx.tool, attempt=ctx.attempt)


@service.tool(read_only=True, context=True)
async def peek(ctx: ToolContext[Diary], gate: str) -> str:
    """Wait at a gate, without a record."""
    ctx.state.note(f"peek {gate}")
    await ctx.state.passed(gate)
    return gate


# --- tools that change something: each run leaves a line ---


@service.tool(context=True)
async def book(ctx: ToolContext[Diary], item: str) -> int:
    """Book an item, and say how many lines the diary has then."""
    ctx.state.note(f"book {item}")
    return len(ctx.state.lines())


@service.tool(context=True)
async def ship(ctx: ToolContext[Diary], gate: str) -> str:
    """Wait at a gate; must not run twice."""
    ctx.state.note(f"ship {gate}")
    await ctx.state.passed(gate)
    return gate


@service.tool(idempotent=True, context=True)
async def tidy(ctx: ToolContext[Diary], gate: str) -> int:
    """Wait at a gate; may run twice. Gives the number of the attempt."""
    ctx.state.note(f"tidy {gate} {ctx.attempt}")
    await ctx.state.passed(gate)
    return ctx.attempt


# --- tools that go wrong ---


@service.tool(read_only=True)
async def decline(reason: str, message: str) -> None:
    """Say no, in the tool's own words."""
    raise ToolError(reason, message, {"limit": 3})


@service.tool(context=True)
async def sell(ctx: ToolContext[Diary], item: str) -> None:
    """Note the wish, and say no."""
    ctx.state.note(f"sell {item}")
    raise ToolError("sold_out", f"There is no {item} left")


@service.tool(read_only=True)
async def break_down(secret: str) -> None:
    """Break, with a text that no caller may see."""
    raise RuntimeError(secret)


@service.tool(read_only=True)
async def misreport() -> int:
    """Return what the contract forbids."""
    return cast("int", "seven")


@service.tool(read_only=True)
async def flood(size: int) -> str:
    """Return a text of that size."""
    return "x" * size


# --- jobs ---


@service.job()
async def bake(ctx: JobContext[Diary], gate: str, payload: JsonValue = None) -> Made:
    """Wait at a gate, then give the payload back; must not run twice."""
    return await _make(ctx, gate, payload)


@service.job(max_attempts=3)
async def brew(ctx: JobContext[Diary], gate: str, payload: JsonValue = None) -> Made:
    """Wait at a gate, then give the payload back; may run again."""
    return await _make(ctx, gate, payload)


@service.job(max_attempts=3)
async def ferment(ctx: JobContext[Diary], gate: str) -> Made:
    """Wait at a gate that each attempt has for itself; may run again."""
    return await _make(ctx, f"{gate}-{ctx.attempt}", None)


async def _make(ctx: JobContext[Diary], gate: str, payload: JsonValue) -> Made:
    ctx.state.note(f"{ctx.tool} {gate} {ctx.attempt}")
    await ctx.progress(0.5, f"at the gate {gate}")
    await ctx.state.passed(gate)
    ctx.state.note(f"{ctx.tool} {gate} {ctx.attempt} is over")
    return Made(payload=payload, attempt=ctx.attempt)


@service.job()
def grind(ctx: JobContext[Diary], gate: str) -> str:
    """Wait at a gate in a thread."""
    ctx.progress(0.25, "grinding")
    while not ctx.state.is_open(gate):
        time.sleep(LOOK_EVERY_S)
    return threading.current_thread().name


@service.job()
async def count_up(ctx: JobContext[Diary], steps: int) -> int:
    """Report every step, as fast as it goes."""
    for step in range(1, steps + 1):
        await ctx.progress(step / steps, f"{step} of {steps}")
    return steps


@service.job(max_attempts=3)
async def stumble(ctx: JobContext[Diary], falls: int) -> int:
    """Break in the first attempts, then give the number of the one that did not."""
    if ctx.attempt <= falls:
        raise RuntimeError("a secret that no caller may see")
    return ctx.attempt


@service.job(max_attempts=3)
async def burn(ctx: JobContext[Diary]) -> None:
    """Say no, in the tool's own words."""
    ctx.state.note("burn")
    raise ToolError("burnt", "The bread is burnt", {"minutes": 40})


@service.job()
async def collapse(ctx: JobContext[Diary]) -> None:
    """Break for good."""
    raise RuntimeError("a secret that no caller may see")


@service.job()
async def recite(ctx: JobContext[Diary], lines: list[JsonValue]) -> int:
    """Put out each line by itself."""
    for line in lines:
        await ctx.emit(line)
    return len(lines)


@service.job()
async def misbake(ctx: JobContext[Diary]) -> int:
    """Return what the contract forbids."""
    return cast("int", "seven")


# --- jobs that ask, and jobs that go on where they were ---


@service.job(asks=(Approval,))
async def release(ctx: JobContext[Diary], version: str) -> Approval:
    """Ask whether to release, and give the answer."""
    ctx.state.note(f"release {version} {ctx.attempt}")
    await ctx.progress(0.5, f"{version} is built")
    return ctx.ask(Approval, f"Release {version}?")


@service.job(asks=(Approval,))
def sign(ctx: JobContext[Diary], papers: list[str]) -> list[bool]:
    """Ask about each paper, from a thread, and give the answers."""
    return [ctx.ask(Approval, f"Sign {paper}?", key=paper).approved for paper in papers]


@service.job(max_attempts=2)
async def knit(ctx: JobContext[Diary], gate: str) -> list[int]:
    """Save the number of the attempt, then wait at a gate that each attempt has for itself."""
    rows = [*cast("list[int]", ctx.checkpoint or []), ctx.attempt]
    await ctx.save(cast("JsonValue", rows))
    ctx.state.note(f"knit {gate} {ctx.attempt}")
    await ctx.state.passed(f"{gate}-{ctx.attempt}")
    return rows
