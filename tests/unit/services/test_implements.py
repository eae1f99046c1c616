"""Serving what was declared: the function has to be what the contract says."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.tools import JobTool, Tool
from toolwire.services import JobContext, Router, Service, ToolContext, declare, declare_job
from toolwire.services.running.execute import write_result


class AddIn(BaseModel):
    a: int
    b: int


class Other(AddIn):
    """A model of the same fields is not the declared one."""


class AddOut(BaseModel):
    total: int


class Detailed(AddOut):
    steps: list[str]


ADD = declare("add", args=AddIn, returns=AddOut)
PING = declare("ping", returns=None)
MAYBE = declare("maybe", args=AddIn, returns=TypeAdapter[int | None](int | None))
BUILD = declare_job("build", args=AddIn, returns=AddOut)


@pytest.fixture
def service() -> Service[None]:
    return Service("server-1")


# --- what fits ---


async def test_the_function_stays_callable_and_is_what_a_client_calls(service: Service[None]) -> None:
    @service.implements(ADD, read_only=True)
    async def add(args: AddIn) -> AddOut:
        """Add two numbers."""
        return AddOut(total=args.a + args.b)

    @service.implements(BUILD, max_attempts=3)
    def build(ctx: JobContext[None], args: AddIn) -> AddOut:
        return AddOut(total=args.a)

    assert await add(AddIn(a=1, b=2)) == AddOut(total=3)
    assert isinstance(add, Tool)
    assert isinstance(build, JobTool)
    assert add.encode(AddIn(a=1, b=2)) == {"a": 1, "b": 2}


def test_the_catalogue_tells_the_declared_models(service: Service[None]) -> None:
    @service.implements(ADD, read_only=True, title="Addition")
    async def anything(args: AddIn) -> AddOut:
        """Add two numbers."""
        return AddOut(total=args.a + args.b)

    @service.implements(BUILD, max_attempts=3, description="Builds.")
    async def build(ctx: JobContext[None], args: AddIn) -> AddOut:
        return AddOut(total=args.a)

    add, job = service.tools["add"], service.tools["build"]
    assert (add.descriptor.title, add.descriptor.description) == ("Addition", "Add two numbers.")
    assert add.descriptor.inputSchema["title"] == "AddIn"
    assert add.descriptor.outputSchema["title"] == "AddOut"
    assert (add.kind, add.recorded) == ("tool", False)
    assert (job.kind, job.max_attempts, job.takes_context) == ("job", 3, True)
    assert job.descriptor.description == "Builds."


def test_a_context_comes_first(service: Service[None]) -> None:
    @service.implements(ADD, context=True)
    async def add(ctx: ToolContext[None], args: AddIn) -> AddOut:
        return AddOut(total=args.a + args.b)

    assert service.tools[add.name].takes_context


def test_other_shapes(service: Service[None]) -> None:
    @service.implements(PING)
    def ping() -> None: ...

    @service.implements(MAYBE)
    def maybe(args: AddIn) -> int | None:
        return args.a or None

    assert set(service.tools) == {"ping", "maybe"}
    assert ping() is None
    assert maybe(AddIn(a=0, b=0)) is None


def test_a_model_made_from_the_declared_one_is_sent_as_that(service: Service[None]) -> None:
    @service.implements(ADD)
    def add(args: AddIn) -> Detailed:
        return Detailed(total=args.a + args.b, steps=["added"])

    assert write_result(add.signature.returns, add(AddIn(a=1, b=2))) == {"total": 3}


def test_two_services_may_implement_one_contract(service: Service[None]) -> None:
    def add(args: AddIn) -> AddOut:
        return AddOut(total=args.a + args.b)

    other = Service("server-2")
    service.implements(ADD)(add)
    other.implements(ADD)(add)
    assert service.tools["add"].descriptor == other.tools["add"].descriptor


def test_a_prefix_changes_no_contract() -> None:
    """Its callers know the name already."""
    router = Router(prefix="billing.")

    @router.implements(ADD)
    def add(args: AddIn) -> AddOut:
        return AddOut(total=args.a + args.b)

    assert add.name == "add"
    assert set(router.tools) == {"add"}


# --- what does not ---


def two_numbers(a: int, b: int) -> AddOut:
    return AddOut(total=a + b)


def of_another_model(args: Other) -> AddOut:
    return AddOut(total=args.a)


def with_a_default(args: AddIn = AddIn(a=1, b=1)) -> AddOut:  # noqa: B008 - what the test is about
    return AddOut(total=args.a)


def with_another_result(args: AddIn) -> int:
    return args.a


def untyped_result(args: AddIn) -> Any:
    return args.a


def of_something(a: int) -> None: ...


class Nothing(BaseModel):
    """A model without a field."""


def of_nothing_in_a_model(args: Nothing) -> None: ...


TAKES = "it must take one parameter, annotated as AddIn and without a default"


@pytest.mark.parametrize(
    ("contract", "function", "text"),
    [
        (ADD, two_numbers, TAKES),
        (ADD, of_another_model, TAKES),
        (ADD, with_a_default, TAKES),
        (ADD, with_another_result, "it must return AddOut, not int"),
        (ADD, untyped_result, "it must return AddOut, not (typing.)?Any"),
        (MAYBE, with_another_result, r"it must return TypeAdapter\(.*\), not int"),
        (PING, of_something, "it must take no arguments"),
        (PING, of_nothing_in_a_model, "it must take no arguments"),
    ],
)
def test_another_function_is_refused_and_both_are_named(
    service: Service[None], contract: Tool[..., Any], function: Callable[..., Any], text: str
) -> None:
    with pytest.raises(DefinitionError, match=text) as refused:
        service.implements(contract)(function)
    assert f"{function.__name__!r} does not implement {contract!r}" in str(refused.value)
    assert service.tools == {}


def test_a_job_takes_its_context_first(service: Service[None]) -> None:
    bare: Any = two_numbers
    with pytest.raises(DefinitionError, match=r"annotate it as JobContext\[…\]|does not implement"):
        service.implements(BUILD)(bare)


def test_one_contract_is_implemented_once(service: Service[None]) -> None:
    def add(args: AddIn) -> AddOut:
        return AddOut(total=args.a + args.b)

    def add_again(args: AddIn) -> AddOut:
        return AddOut(total=args.a + args.b)

    service.implements(ADD)(add)
    with pytest.raises(DefinitionError, match=r"a tool 'add' already: .*add is one, and .*add_again would"):
        service.implements(ADD)(add_again)


Declare = Callable[[Any], object]
"""Asks a service for what its types forbid."""

WRONG: list[tuple[Declare, str]] = [
    (lambda service: service.implements(ADD, max_attempts=3), "is a tool; max_attempts= is for jobs"),
    (lambda service: service.implements(BUILD, read_only=True), "is a job; read_only= is for tools"),
    (lambda service: service.implements(BUILD, context=True), "is a job; context= is for tools"),
    (lambda service: service.implements(ADD, name="plus"), "is a tool, which has no option name="),
    (lambda service: service.implements(BUILD, read_onyl=True), "is a job, which has no option read_onyl="),
    (lambda service: service.implements(BUILD, max_attempts=0), "at least one attempt"),
    (lambda service: service.implements(two_numbers), r"made by declare\(…\)"),
    (lambda service: service.implements(service.tool()(two_numbers)), r"made by declare\(…\)"),
]


@pytest.mark.parametrize(("declare_wrongly", "text"), WRONG)
def test_what_cannot_be_implemented(service: Service[None], declare_wrongly: Declare, text: str) -> None:
    with pytest.raises(DefinitionError, match=text):
        declare_wrongly(service)
