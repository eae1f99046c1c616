"""Whether a function does what a contract declares."""

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, PydanticUserError, TypeAdapter

from toolwire.contracts.descriptors import output_schema
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.signatures import Signature
from toolwire.contracts.tools import Contract


def check_implementation(contract: Contract[..., Any], own: Signature, function: Callable[..., Any]) -> None:
    """`DefinitionError` that names both where `own`, what the function's annotations say, is another thing.

    The arguments are the declared model itself. The result is the declared type, or a model made from it.
    """
    declared = contract.signature
    if declared.whole:
        if not (own.whole and own.model is declared.model):
            takes = f"take one parameter, annotated as {declared.model.__name__} and without a default"
            raise _differs(contract, function, takes)
    elif own.whole or own.model.model_fields:
        raise _differs(contract, function, "take no arguments")
    if not _same_result(declared, own):
        raise _differs(contract, function, f"return {_shown(declared.result)}, not {_shown(own.result)}")


def _differs(contract: Contract[..., Any], function: Callable[..., Any], must: str) -> DefinitionError:
    return DefinitionError(
        f"tool function {function.__qualname__!r} does not implement {contract!r}: it must {must}"
    )


def _same_result(declared: Signature, own: Signature) -> bool:
    if isinstance(declared.result, TypeAdapter):
        # It tells its type to nobody: what it says about the JSON has to do.
        try:
            return output_schema(declared.returns) == output_schema(own.returns)
        except PydanticUserError:
            return False
    return bool(declared.result == own.result) or _is_model_of(own.result, declared.result)


def _is_model_of(own: Any, declared: Any) -> bool:
    return (
        inspect.isclass(own)
        and inspect.isclass(declared)
        and issubclass(declared, BaseModel)
        and issubclass(own, declared)
    )


def _shown(result: Any) -> str:
    return result.__name__ if inspect.isclass(result) else str(result)
