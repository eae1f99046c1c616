"""Declaring tools: what a service makes of plain functions, and what it refuses."""

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from toolwire.contracts.builtin import BUILT_IN
from toolwire.contracts.errors import DefinitionError, InvalidArguments
from toolwire.contracts.tools import JobTool, Tool
from toolwire.services import JobContext, Replica, Service, ServiceSettings, ToolContext
from toolwire.services.declaring.tools import IDEMPOTENT_ATTEMPTS, Declaration, Manners, ServedJob, ServedTool

SERVER = "server-1"


class Order(BaseModel):
    sku: str
    count: Annotated[int, Field(ge=1)] = 1


def job_context() -> JobContext[None]:
    return JobContext(
        state=None,
        client_id="c",
        request_id="r",
        tool="t",
        deadline_ms=0,
        job_id="job-1",
        report=lambda _: None,
    )


# --- tools ---


async def test_a_tool_stays_callable_as_the_function_that_it_was() -> None:
    service = Service(SERVER)

    @service.tool()
    async def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    @service.tool(context=True)
    def who(ctx: ToolContext[None]) -> str:
        return ctx.client_id

    @service.job()
    async def build(ctx: JobContext[None], parts: int) -> str:
        return f"{ctx.job_id}: {parts}"

    assert await add(1, b=2) == 3
    assert who(ToolContext(state=None, client_id="me", request_id="r", tool="t", deadline_ms=0)) == "me"
    assert await build(job_context(), 3) == "job-1: 3"


def test_a_tool_is_what_a_client_calls() -> None:
    service = Service(SERVER)

    @service.tool()
    async def add(a: int, b: int = 1) -> int:
        return a + b

    @service.job()
    def build(ctx: JobContext[None], parts: int) -> str:
        return f"{ctx.job_id}: {parts}"

    assert isinstance(add, ServedTool)
    assert isinstance(add, Tool)
    assert isinstance(build, ServedJob)
    assert isinstance(build, JobTool)
    assert add.encode(1, b=2) == {"a": 1, "b": 2}
    assert build.encode(3) == {"parts": 3}
    assert build.decode_result("job-1") == "job-1"
    with pytest.raises(InvalidArguments):
        add.encode("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point of it


def test_a_tool_is_known_by_name_with_all_that_it_declares() -> None:
    service = Service(SERVER)

    @service.tool(
        name="shop.order", title="Order", description="Orders.", destructive=False, open_world=False
    )
    def place(order: Order) -> Order:
        return order

    spec = service.tools["shop.order"]
    assert (spec.name, spec.kind, spec.takes_context, spec.builtin) == ("shop.order", "tool", False, False)
    assert spec.function is place.function
    assert (spec.descriptor.title, spec.descriptor.description) == ("Order", "Orders.")
    assert spec.descriptor.annotations.model_dump() == {
        "readOnlyHint": False,
        "destructiveHint": False,
        "idempotentHint": False,
        "openWorldHint": False,
    }


def test_the_docstring_describes_a_tool() -> None:
    def documented() -> None:
        """Do it.

        And more.
            Indented.
        """

    def silent() -> None: ...

    assert (
        Declaration().spec(documented, "tool").descriptor.description == "Do it.\n\nAnd more.\n    Indented."
    )
    assert Declaration().spec(silent, "tool").descriptor.description == ""


def nothing() -> None: ...


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    ("manners", "recorded", "attempts", "hints"),
    [
        (Manners(), True, 1, (False, True, False)),
        (Manners(idempotent=True), True, IDEMPOTENT_ATTEMPTS, (False, True, True)),
        (Manners(read_only=True), False, 1, (True, False, True)),
        (Manners(destructive=False), True, 1, (False, False, False)),
    ],
)
def test_manners_decide_whether_it_is_recorded_and_may_run_again(
    manners: Manners, recorded: bool, attempts: int, hints: tuple[bool, bool, bool]
) -> None:
    spec = Declaration(manners=manners).spec(nothing, "tool")
    told = spec.descriptor.annotations
    assert (spec.recorded, spec.max_attempts) == (recorded, attempts)
    assert (told.readOnlyHint, told.destructiveHint, told.idempotentHint) == hints


@pytest.mark.promise("P4")
@pytest.mark.parametrize(("max_attempts", "repeatable"), [(1, False), (3, True)])
def test_a_job_may_run_again_only_if_it_says_so(max_attempts: int, repeatable: bool) -> None:
    service = Service(SERVER)

    @service.job(max_attempts=max_attempts)
    def build(ctx: JobContext[None]) -> None: ...

    spec = service.tools[build.name]
    assert (spec.kind, spec.max_attempts, spec.recorded, spec.takes_context) == (
        "job",
        max_attempts,
        True,
        True,
    )
    assert spec.descriptor.annotations.idempotentHint is repeatable


def test_built_in_tools_are_never_recorded() -> None:
    spec = Declaration(manners=Manners(idempotent=True)).spec(nothing, "tool", builtin=True)
    assert (spec.recorded, spec.builtin) == (False, True)


def test_the_tools_of_a_service_cannot_be_changed_from_outside() -> None:
    service = Service(SERVER)
    with pytest.raises(TypeError):
        service.tools["new"] = Declaration().spec(nothing, "tool")  # type: ignore[index]  # pyright: ignore[reportIndexIssue] - the point of it


# --- what the tools share ---


async def test_a_lifespan_yields_what_the_tools_share() -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def open_app() -> AsyncGenerator[str]:
        yield "the app"
        closed.append("yes")

    async with Service(SERVER, lifespan=open_app).open_state() as state:
        assert state == "the app"
    assert closed == ["yes"]


async def test_without_a_lifespan_there_is_nothing() -> None:
    async with Service(SERVER).open_state() as state:
        assert state is None


def test_a_replica_is_made_from_settings_or_from_keywords() -> None:
    service = Service(SERVER)
    settings = ServiceSettings(places=3)
    given = service.running(settings)
    assert isinstance(given, Replica)
    assert given.settings is settings
    assert service.running(places=4).settings.places == 4
    assert given.name != service.running(settings).name


# --- refused ---


def refused(declare: Callable[[Service[None]], object]) -> str:
    service = Service(SERVER)
    with pytest.raises(DefinitionError) as caught:
        declare(service)
    assert service.tools == {}
    return str(caught.value)


def forgets_to_say_so(ctx: ToolContext[None], amount: int) -> None: ...


def in_the_wrong_place(ctx: ToolContext[None], other: ToolContext[None]) -> None: ...


def takes_none(amount: int) -> None: ...


def of_a_job(ctx: JobContext[None]) -> None: ...


@pytest.mark.promise("P2")
@pytest.mark.parametrize(
    ("function", "kind", "takes_context", "said"),
    [
        (forgets_to_say_so, "tool", False, "a context can only be the first parameter"),
        (in_the_wrong_place, "tool", True, "a context can only be the first parameter"),
        (takes_none, "tool", True, r"annotate it as ToolContext\[…\]"),
        (takes_none, "job", True, r"annotate it as JobContext\[…\]"),
        (forgets_to_say_so, "job", True, r"annotate it as JobContext\[…\]"),
        (of_a_job, "tool", True, r"annotate it as ToolContext\[…\]"),
    ],
)
def test_a_context_is_never_an_argument(
    function: Callable[..., Any], kind: Literal["tool", "job"], takes_context: bool, said: str
) -> None:
    """Otherwise its caller would say who is calling."""
    with pytest.raises(DefinitionError, match=said):
        Declaration(takes_context=takes_context).spec(function, kind)


@pytest.mark.parametrize("server_id", ["", "-a", "a b", "a.b", "a" * 65, "ü", "a\n"])
def test_a_bad_server_id(server_id: str) -> None:
    with pytest.raises(DefinitionError, match=r"the server id .* must match"):
        Service(server_id)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_the_name_of_a_built_in_tool(name: str) -> None:
    text = refused(lambda service: service.tool(name=name)(nothing))
    assert text == f"{name!r} is built in; give the tool another name"


def test_a_name_that_is_taken() -> None:
    service = Service(SERVER)
    service.tool()(nothing)
    with pytest.raises(DefinitionError) as caught:
        service.tool(read_only=True)(nothing)
    text = str(caught.value)
    assert text.startswith("server-1 has a tool 'nothing' already: ")
    assert text.count("test_service.nothing") == 2
    assert text.endswith("give one of them a name=")
    assert service.tools["nothing"].recorded


@pytest.mark.parametrize("name", ["", "with space", "ü", "a" * 129, "a\n", "a/b", "*"])
def test_a_name_that_cannot_be(name: str) -> None:
    text = refused(lambda service: service.tool(name=name)(nothing))
    assert text.startswith(f"the tool name {name!r} must match")
    assert text.endswith("give it a name=")


def test_a_function_without_a_name_of_its_own() -> None:
    def told(word: str) -> None: ...

    assert "give it a name=" in refused(lambda service: service.tool()(lambda: None))
    assert "give it a name=" in refused(lambda service: service.tool()(functools.partial(told, "a")))


def test_missing_annotations() -> None:
    def untyped(a: int, b: int) -> int:
        return a + b

    del untyped.__annotations__["a"]

    def resultless(a: int):  # type: ignore[no-untyped-def]  # the point of it
        return a

    def many(*numbers: int) -> int:
        return sum(numbers)

    assert "parameter 'a' needs a plain name and a type annotation" in refused(
        lambda service: service.tool()(untyped)
    )
    assert "needs a return annotation" in refused(lambda service: service.tool()(resultless))
    assert "parameter 'numbers' needs a plain name" in refused(lambda service: service.tool()(many))


def test_a_job_without_its_context() -> None:
    bare: Any = nothing
    assert "must take its context as first parameter" in refused(lambda service: service.job()(bare))


def test_a_tool_without_the_context_that_it_asked_for() -> None:
    bare: Any = nothing
    text = refused(lambda service: service.tool(context=True)(bare))
    assert "must take its context as first parameter" in text


@pytest.mark.parametrize("attempts", [0, -1])
def test_a_job_that_may_never_start(attempts: int) -> None:
    text = refused(lambda service: service.job(max_attempts=attempts))
    assert text == f"max_attempts={attempts}: a job needs at least one attempt"


@pytest.mark.parametrize("name", ["tool", "job"])
def test_forgotten_parentheses(name: str) -> None:
    def declare(service: Service[None]) -> object:
        return getattr(service, name)(nothing)

    assert refused(declare) == (
        f"@service.{name} needs its parentheses: write @service.{name}(), with options by name"
    )
