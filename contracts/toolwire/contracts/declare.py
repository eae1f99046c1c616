"""Contracts without code: a tool by its name, the model of its arguments and the type of its result.

    add = declare("add", args=AddIn, returns=AddOut)

Callers and the service import this from a module that both may see. The service serves it with
`@service.implements(add)`; callers ask `client.call(add, AddIn(a=1, b=2))`. A contract pins no revision of
the tool; whoever wants that says so with `client.options(tool_rev=…)`.

`returns` is a type. What a type checker takes for no class, such as a union, is given as a `TypeAdapter`:
`returns=TypeAdapter[int | None](int | None)`.
"""

from typing import Any, TypeVar, overload

from pydantic import BaseModel, TypeAdapter

from toolwire.contracts.signatures import Signature
from toolwire.contracts.tools import JobTool, Tool

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")


@overload
def declare(name: str, *, args: type[M], returns: None) -> Tool[[M], None]: ...
@overload
def declare(name: str, *, args: type[M], returns: type[R] | TypeAdapter[R]) -> Tool[[M], R]: ...
@overload
def declare(name: str, *, returns: None) -> Tool[[], None]: ...
@overload
def declare(name: str, *, returns: type[R] | TypeAdapter[R]) -> Tool[[], R]: ...
def declare(name: str, *, args: type[BaseModel] | None = None, returns: Any) -> Tool[..., Any]:
    """A tool that answers at once; without `args` it takes no arguments. Raises `DefinitionError`."""
    return Tool(name, Signature.of_models(args, returns))


@overload
def declare_job(name: str, *, args: type[M], returns: None) -> JobTool[[M], None]: ...
@overload
def declare_job(name: str, *, args: type[M], returns: type[R] | TypeAdapter[R]) -> JobTool[[M], R]: ...
@overload
def declare_job(name: str, *, returns: None) -> JobTool[[], None]: ...
@overload
def declare_job(name: str, *, returns: type[R] | TypeAdapter[R]) -> JobTool[[], R]: ...
def declare_job(name: str, *, args: type[BaseModel] | None = None, returns: Any) -> JobTool[..., Any]:
    """A job; without `args` it takes no arguments. Raises `DefinitionError`."""
    return JobTool(name, Signature.of_models(args, returns))
