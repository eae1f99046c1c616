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
from toolwire.services.declaring.implementing import check_implementation
from toolwire.services.declaring.retries import Backoff
from toolwire.services.declaring.run_policy import Asks, RetryOn, Revisions, RunPolicy, RunsIn
from toolwire.services.running.context import Caller, JobContext, ToolContext

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
    retry_on: RetryOn
    """The exceptions after which a job is tried again."""
    backoff: Backoff
    time_limit: float | None
    """How long one attempt may take, in seconds; the caller's deadline counts as well."""
    revisions: Revisions
    """`same`: what one revision of the tool accepted, no other runs."""
    run_in: RunsIn
    """Where it runs: on the event loop, in a thread of its own, or in a process."""
    asks: Asks
    """The models of the answers to what a job may ask its caller."""
    builtin: bool = False
    """Part of every service, and open to every client."""

    @property
    def source(self) -> str:
        """The function's full name, for messages."""
        return f"{self.function.__module__}.{getattr(self.function, '__qualname__', self.function)}"

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop."""
        return self.run_in == "loop"

    @property
    def meets(self) -> tuple[str, str]:
        """The needs of the records that a replica with this tool may take."""
        return (self.name, self._this_revision)

    def needed(self, *, pinned: bool) -> str:
        """What a replica must have to run what is recorded for this tool, whose caller may have pinned it."""
        return self._this_revision if pinned or self.revisions == "same" else self.name

    @property
    def _this_revision(self) -> str:
        return f"{self.name}@{self.descriptor.tool_rev}"  # no name holds an @

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
    runs: RunPolicy = field(default_factory=RunPolicy)
    takes_context: bool = False
    prefix: str = ""
    """What stands before the name."""
    contract: Contract[..., Any] | None = None
    """What the function implements; its name and its models are the tool's then."""

    def spec(
        self,
        function: Callable[..., Any],
        kind: Literal["tool", "job"],
        *,
        builtin: bool = False,
        claimed: bool = False,
    ) -> ToolSpec:
        """The tool that `function` is under this declaration. `DefinitionError` where it cannot be one.

        A built-in tool has a record of its own only where it is `claimed`.
        """
        name, signature, runs = self._name(function), self._signature(function), self.runs
        check_context(function, self._context_class(kind, builtin=builtin))
        attempts = IDEMPOTENT_ATTEMPTS if self.manners.idempotent and kind == "tool" else runs.max_attempts
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
            recorded=claimed or not (self.manners.read_only or builtin),
            max_attempts=attempts,
            retry_on=runs.retry_on,
            backoff=runs.backoff,
            time_limit=runs.time_limit,
            revisions=runs.revisions,
            run_in=runs.place_of(function),
            asks=runs.asks,
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
