"""A tool as both sides know it: its name, its arguments and its result.

`Tool[P, R]` and `JobTool[P, R]` carry the types of a function over the wire: a client that calls one is
checked by mypy and pyright as if it called the function itself.
"""

import json
from typing import Any, Generic, ParamSpec, TypeVar, cast

from pydantic import JsonValue, TypeAdapter, ValidationError

from toolwire.contracts.encoding import JsonText
from toolwire.contracts.envelopes import Arguments
from toolwire.contracts.errors import Code, DefinitionError, InvalidArguments, WireError
from toolwire.contracts.fields import field_errors
from toolwire.contracts.names import TOOL_PATTERN, is_tool_name
from toolwire.contracts.signatures import Signature, json_of

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Contract(Generic[P, R_co]):
    """What tools and jobs share."""

    def __init__(self, name: str, signature: Signature) -> None:
        if not is_tool_name(name):
            raise DefinitionError(f"the tool name {name!r} must match {TOOL_PATTERN}")
        self.name = name
        self.signature = signature

    def encode(self, *args: P.args, **kwargs: P.kwargs) -> Arguments:
        """The arguments as JSON, checked against the contract before anything is sent.

        Raises `InvalidArguments` with the paths of the fields that do not fit, or `DefinitionError` where a
        value has no JSON form.
        """
        arguments: Arguments = json.loads(self.write(*args, **kwargs))
        return arguments

    def write(self, *args: P.args, **kwargs: P.kwargs) -> JsonText:
        """The text of the arguments as JSON, which `seal_request` takes. Raises as `encode` does."""
        try:
            return self.signature.write(args, kwargs)
        except ValidationError as error:
            raise InvalidArguments(invalid_arguments(self.name, error)) from error

    def decode_result(self, result: JsonValue) -> R_co:
        """A received result as the type that the contract states. pydantic's `ValidationError` otherwise."""
        return cast("R_co", read_result(self.signature.returns, result))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Tool(Contract[P, R_co]):
    """A tool that answers at once: `await client.call(tool, …)` gives R."""


class JobTool(Contract[P, R_co]):
    """A long-running tool: `await client.submit(tool, …)` gives Job[R]."""


def read_result(returns: TypeAdapter[Any], result: JsonValue) -> Any:
    """A JSON result, read strictly as the type that `returns` stands for."""
    return returns.validate_json(json_of(result), strict=True)


def invalid_arguments(tool: str, error: ValidationError) -> WireError:
    """The coded error for arguments that do not fit a tool."""
    return WireError(
        code=Code.INVALID_ARGS,
        message=f"the arguments do not fit {tool!r}",
        retryable=False,
        fields=field_errors(error),
    )
