"""What users write: a service is a name, its tools, and what they share."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import Any, Concatenate, Generic, Literal, Never, ParamSpec, Protocol, TypeVar, cast, overload

from toolwire.client.settings import read_settings
from toolwire.contracts.builtin import BUILT_IN
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.names import ID_PATTERN, is_id
from toolwire.services.context import JobContext, ToolContext
from toolwire.services.replica import Replica
from toolwire.services.settings import ServiceSettings
from toolwire.services.tools import Declaration, Manners, ServedJob, ServedTool, ToolSpec

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")


class ToolDecorator(Protocol):
    """Makes a tool of a function, async or sync."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> ServedTool[P, Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> ServedTool[P, R, P, R]: ...


class ContextToolDecorator(Protocol[A]):
    """Makes a tool of a function that takes its context first."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[ToolContext[A], P], Coroutine[Any, Any, R]], /
    ) -> ServedTool[Concatenate[ToolContext[A], P], Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[ToolContext[A], P], R], /
    ) -> ServedTool[Concatenate[ToolContext[A], P], R, P, R]: ...


class JobDecorator(Protocol[A]):
    """Makes a job of a function that takes its context first."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext[A], P], Coroutine[Any, Any, R]], /
    ) -> ServedJob[Concatenate[JobContext[A], P], Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext[A], P], R], /
    ) -> ServedJob[Concatenate[JobContext[A], P], R, P, R]: ...


class Service(Generic[A]):
    """A server's tools.

        service = Service("mcp-server-001")

        @service.tool(read_only=True)
        async def add(a: int, b: int) -> int:
            return a + b

    `lifespan` is an async context manager that yields what the tools share, as `ctx.state`; every replica
    opens its own.
    """

    @overload
    def __init__(self: "Service[None]", server_id: str) -> None: ...
    @overload
    def __init__(self, server_id: str, *, lifespan: Callable[[], AbstractAsyncContextManager[A]]) -> None: ...
    def __init__(
        self, server_id: str, *, lifespan: Callable[[], AbstractAsyncContextManager[Any]] | None = None
    ) -> None:
        if not is_id(server_id):
            raise DefinitionError(f"the server id {server_id!r} must match {ID_PATTERN}")
        self.server_id = server_id
        self.open_state: Callable[[], AbstractAsyncContextManager[Any]] = lifespan or _nothing
        self._tools: dict[str, ToolSpec] = {}

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """The tools by name, without the built-in ones."""
        return MappingProxyType(self._tools)

    @overload
    def tool(
        self,
        *,
        context: Literal[False] = False,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        read_only: bool = False,
        idempotent: bool = False,
        destructive: bool = True,
        open_world: bool = True,
    ) -> ToolDecorator: ...
    @overload
    def tool(
        self,
        *,
        context: Literal[True],
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        read_only: bool = False,
        idempotent: bool = False,
        destructive: bool = True,
        open_world: bool = True,
    ) -> ContextToolDecorator[A]: ...
    def tool(
        self,
        *misplaced: Never,
        context: bool = False,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        read_only: bool = False,
        idempotent: bool = False,
        destructive: bool = True,
        open_world: bool = True,
    ) -> Any:
        """Serve a function as a tool that answers at once.

        `read_only`: it changes nothing, so it needs no record and may be repeated. `idempotent`: running it
        twice for the same request does no harm, so it is run again when its replica is lost; any other tool
        then ends as `interrupted`. `context`: the function takes a `ToolContext` first. Raises
        `DefinitionError`.
        """
        _check_parentheses("tool", misplaced)
        manners = Manners(read_only, idempotent, destructive, open_world)
        declaration = Declaration(name, title, description, manners, takes_context=context)

        def decorate(function: Callable[..., Any]) -> ServedTool[..., Any, ..., Any]:
            return ServedTool(self._add(declaration.spec(function, "tool")), function)

        return decorate

    def job(
        self,
        *misplaced: Never,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        max_attempts: int = 1,
        destructive: bool = True,
        open_world: bool = True,
    ) -> JobDecorator[A]:
        """Serve a function, which takes a `JobContext` first, as a job: accepted at once, told of by events.

        `max_attempts` above 1 declares that it may run again, after its replica was lost or it broke. Raises
        `DefinitionError`.
        """
        _check_parentheses("job", misplaced)
        if max_attempts < 1:
            raise DefinitionError(f"max_attempts={max_attempts}: a job needs at least one attempt")
        manners = Manners(destructive=destructive, open_world=open_world)
        declaration = Declaration(name, title, description, manners, max_attempts, takes_context=True)

        def decorate(function: Callable[..., Any]) -> ServedJob[..., Any, ..., Any]:
            return ServedJob(self._add(declaration.spec(function, "job")), function)

        return cast("JobDecorator[A]", decorate)

    def running(self, settings: ServiceSettings | None = None, /, **given: Any) -> Replica:
        """A replica of this service, to be entered: `async with service.running(home=…): …`.

        The keywords are those of `ServiceSettings` and go before the environment and the files.
        """
        return Replica(self, settings or read_settings(ServiceSettings, **given))

    def _add(self, spec: ToolSpec) -> ToolSpec:
        if spec.name in BUILT_IN:
            raise DefinitionError(f"{spec.name!r} is built in; give the tool another name")
        if spec.name in self._tools:
            raise DefinitionError(
                f"{self.server_id} has a tool {spec.name!r} already; give one of them a name="
            )
        self._tools[spec.name] = spec
        return spec


def _check_parentheses(name: str, misplaced: tuple[object, ...]) -> None:
    if misplaced:
        raise DefinitionError(
            f"@service.{name} needs its parentheses: write @service.{name}(), with options by name"
        )


@asynccontextmanager
async def _nothing() -> AsyncGenerator[None]:
    yield None
