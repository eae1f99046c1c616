"""A tool as the service holds it: the contract, the function behind it, and its manners."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, ParamSpec, TypeVar, get_origin, get_type_hints

from toolwire.contracts.descriptors import Annotations, ToolDescriptor, describe_tool
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.names import TOOL_PATTERN, is_tool_name
from toolwire.contracts.signatures import Signature
from toolwire.contracts.tools import Contract, JobTool, Tool
from toolwire.services.context import Caller, JobContext, ToolContext
from toolwire.services.implementing import check_implementation

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")

IDEMPOTENT_ATTEMPTS = 3
"""How often a call of an idempotent tool may start before it is given up as interrupted."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool of one service."""

    name: str
    signature: Signature
    function: Callable[..., Any]
    descriptor: ToolDescriptor
    kind: Literal["tool", "job"]
    takes_context: bool
    recorded: bool
    """Whether a request is claimed in the store before it runs; a tool that only reads needs no record."""
    max_attempts: int
    """How often it may start for one request; 1: never twice."""
    builtin: bool = False
    """Part of every service, and open to every client."""

    @property
    def source(self) -> str:
        """The function's full name, for messages."""
        return f"{self.function.__module__}.{getattr(self.function, '__qualname__', self.function)}"

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop; a sync tool runs in a thread of its own."""
        return inspect.iscoroutinefunction(self.function)

    @property
    def takes_place(self) -> bool:
        """Whether a call occupies a place of the replica: a job has a slot, and built-in tools are quick."""
        return self.kind == "tool" and not self.builtin


@dataclass(frozen=True, slots=True)
class Manners:
    """What a tool declares of itself; the MCP hints are told from it."""

    read_only: bool = False
    idempotent: bool = False
    destructive: bool = True
    open_world: bool = True

    def annotations(self, *, repeatable: bool) -> Annotations:
        """The hints, as MCP defines them: a tool that only reads destroys nothing and may be repeated."""
        return Annotations(
            readOnlyHint=self.read_only,
            destructiveHint=self.destructive and not self.read_only,
            idempotentHint=repeatable or self.read_only,
            openWorldHint=self.open_world,
        )


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the author of a tool says when declaring it."""

    name: str | None = None
    title: str | None = None
    description: str | None = None
    manners: Manners = field(default_factory=Manners)
    max_attempts: int = 1
    takes_context: bool = False
    prefix: str = ""
    """What stands before the name."""
    contract: Contract[..., Any] | None = None
    """What the function implements; its name and its models are the tool's then."""

    def spec(
        self, function: Callable[..., Any], kind: Literal["tool", "job"], *, builtin: bool = False
    ) -> ToolSpec:
        """The tool that `function` is under this declaration. `DefinitionError` where it cannot be one."""
        name, signature = self._name(function), self._signature(function)
        check_context(function, self._context_class(kind, builtin=builtin))
        attempts = IDEMPOTENT_ATTEMPTS if self.manners.idempotent and kind == "tool" else self.max_attempts
        return ToolSpec(
            name=name,
            signature=signature,
            function=function,
            descriptor=describe_tool(
                name=name,
                title=self.title,
                description=self.description or inspect.getdoc(function) or "",
                kind=kind,
                args=signature.model,
                returns=signature.returns,
                annotations=self.manners.annotations(repeatable=attempts > 1),
            ),
            kind=kind,
            takes_context=self.takes_context,
            recorded=not (self.manners.read_only or builtin),
            max_attempts=attempts,
            builtin=builtin,
        )

    def _name(self, function: Callable[..., Any]) -> str:
        if self.contract is not None:
            return self.contract.name
        name = self.name if self.name is not None else getattr(function, "__name__", "")
        if not (is_tool_name(name) and is_tool_name(self.prefix + name)):
            raise DefinitionError(
                f"the tool name {self.prefix + name!r} must match {TOOL_PATTERN}; give it a name="
            )
        return self.prefix + name

    def _signature(self, function: Callable[..., Any]) -> Signature:
        own = Signature.of(function, takes_context=self.takes_context)
        if self.contract is None:
            return own
        check_implementation(self.contract, own, function)
        return self.contract.signature

    def _context_class(self, kind: Literal["tool", "job"], *, builtin: bool) -> type[ToolContext[Any]] | None:
        if not self.takes_context:
            return None
        if kind == "job":
            return JobContext
        return Caller if builtin else ToolContext


def check_context(function: Callable[..., Any], expected: type[ToolContext[Any]] | None) -> None:
    """Refuse a function that misplaces its context: as an argument, its caller would say who is calling.

    `expected` is what the first parameter has to be; None: no parameter may be a context.
    """
    where = f"tool function {function.__qualname__!r}"
    hints = get_type_hints(function)
    classes = [_class_of(hints.get(name)) for name in inspect.signature(function).parameters]
    if expected is not None and classes.pop(0) is not expected:
        raise DefinitionError(
            f"{where}: its first parameter is its context; annotate it as {expected.__name__}[…]"
        )
    if any(issubclass(each, ToolContext) for each in classes):
        raise DefinitionError(
            f"{where}: a context can only be the first parameter, of a job or of a tool that is declared "
            "with context=True"
        )


def _class_of(hint: object) -> type:
    found = get_origin(hint) or hint
    return found if isinstance(found, type) else object


class ServedTool(Tool[P, R], Generic[Q, S, P, R]):
    """A function that a service serves as a tool. It stays callable as the function that it was."""

    def __init__(self, spec: ToolSpec, function: Callable[Q, S]) -> None:
        super().__init__(spec.name, spec.signature)
        self.function = function

    def __call__(self, *args: Q.args, **kwargs: Q.kwargs) -> S:
        return self.function(*args, **kwargs)


class ServedJob(JobTool[P, R], Generic[Q, S, P, R]):
    """A function that a service serves as a job. It stays callable as the function that it was."""

    def __init__(self, spec: ToolSpec, function: Callable[Q, S]) -> None:
        super().__init__(spec.name, spec.signature)
        self.function = function

    def __call__(self, *args: Q.args, **kwargs: Q.kwargs) -> S:
        return self.function(*args, **kwargs)
