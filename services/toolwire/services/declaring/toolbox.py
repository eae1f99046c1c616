"""The decorators that make tools of functions, and the place where the tools are kept."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, Literal, Never, ParamSpec, TypeVar, Unpack, cast, overload

from typing_extensions import TypeVar as TypeVarWithDefault

from toolwire.contracts.builtin import BUILT_IN
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.tools import Contract, JobTool, Tool
from toolwire.services.declaring.decorators import (
    ContextImplementation,
    ContextToolDecorator,
    Implementation,
    JobDecorator,
    JobImplementation,
    ToolDecorator,
)
from toolwire.services.declaring.options import (
    JobOptions,
    NamedJobOptions,
    NamedToolOptions,
    ToolOptions,
    declaration,
)
from toolwire.services.declaring.tools import Declaration, ServedJob, ServedTool, ToolSpec

A = TypeVarWithDefault("A", default=None)
P = ParamSpec("P")
R = TypeVar("R")


class Toolbox(Generic[A]):
    """What `Service` and `Router` share. `A` is the type of `ctx.state`."""

    def __init__(self, *, prefix: str = "") -> None:
        self.prefix = prefix
        """What the names of its tools begin with."""
        self._tools: dict[str, ToolSpec] = {}

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """The tools by name, without the built-in ones."""
        return MappingProxyType(self._tools)

    @overload
    def tool(
        self, *, context: Literal[False] = False, **options: Unpack[NamedToolOptions]
    ) -> ToolDecorator: ...
    @overload
    def tool(
        self, *, context: Literal[True], **options: Unpack[NamedToolOptions]
    ) -> ContextToolDecorator[A]: ...
    def tool(self, *misplaced: Never, context: bool = False, **options: Unpack[NamedToolOptions]) -> Any:
        """Serve a function as a tool that answers at once.

        `read_only`: it changes nothing, so it needs no record and may be repeated. `idempotent`: running it
        twice for the same request does no harm, so it is run again when its replica is lost; any other tool
        then ends as `interrupted`. `context`: the function takes a `ToolContext` first. Raises
        `DefinitionError`.
        """
        self._check_parentheses("tool", misplaced)
        return self._tool(declaration("tool", options, takes_context=context, prefix=self.prefix))

    def job(self, *misplaced: Never, **options: Unpack[NamedJobOptions]) -> JobDecorator[A]:
        """Serve a function, which takes a `JobContext` first, as a job: accepted at once, told of by events.

        `max_attempts` above 1 declares that it may run again, after its replica was lost or it broke;
        `retry_on` says after which exceptions, `backoff` how long it waits until then. Raises
        `DefinitionError`.
        """
        self._check_parentheses("job", misplaced)
        declared = declaration("job", options, takes_context=True, prefix=self.prefix)
        return cast("JobDecorator[A]", self._job(declared))

    @overload
    def implements(
        self, contract: JobTool[P, R], /, **options: Unpack[JobOptions]
    ) -> JobImplementation[A, P, R]: ...
    @overload
    def implements(
        self, contract: Tool[P, R], /, *, context: Literal[False] = False, **options: Unpack[ToolOptions]
    ) -> Implementation[P, R]: ...
    @overload
    def implements(
        self, contract: Tool[P, R], /, *, context: Literal[True], **options: Unpack[ToolOptions]
    ) -> ContextImplementation[A, P, R]: ...
    def implements(self, contract: Contract[Any, Any], /, **options: Any) -> Any:
        """Serve a function as what `declare` or `declare_job` made; the options are those of `tool` or `job`.

        It takes the declared model, a job its context first, and returns the declared result. The name is
        the contract's, which its callers know: no prefix changes it. Raises `DefinitionError`.
        """
        _check_contract(contract)
        if isinstance(contract, JobTool):
            return self._job(declaration("job", options, takes_context=True, contract=contract))
        context = bool(options.get("context"))
        return self._tool(declaration("tool", options, takes_context=context, contract=contract))

    def _tool(
        self, declaration: Declaration
    ) -> Callable[[Callable[..., Any]], ServedTool[..., Any, ..., Any]]:
        return lambda function: ServedTool(self._add(declaration.spec(function, "tool")), function)

    def _job(self, declaration: Declaration) -> Callable[[Callable[..., Any]], ServedJob[..., Any, ..., Any]]:
        return lambda function: ServedJob(self._add(declaration.spec(function, "job")), function)

    def _add(self, spec: ToolSpec) -> ToolSpec:
        if spec.name in BUILT_IN:
            raise DefinitionError(f"{spec.name!r} is built in; give the tool another name")
        if (there := self._tools.get(spec.name)) is not None:
            raise DefinitionError(
                f"{self} has a tool {spec.name!r} already: {there.source} is one, and {spec.source} would be "
                "another; give one of them a name="
            )
        self._tools[spec.name] = spec
        return spec

    def _check_parentheses(self, name: str, misplaced: tuple[object, ...]) -> None:
        if misplaced:
            decorator = f"@{type(self).__name__.lower()}.{name}"
            raise DefinitionError(
                f"{decorator} needs its parentheses: write {decorator}(), with options by name"
            )


def _check_contract(contract: object) -> None:
    if isinstance(contract, ServedTool | ServedJob) or not isinstance(contract, Tool | JobTool):
        raise DefinitionError(
            f"{contract!r} is no contract to implement: those are made by declare(…) and declare_job(…)"
        )
