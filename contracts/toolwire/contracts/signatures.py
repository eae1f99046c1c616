"""A plain typed function, or one pydantic model, as the strict contract of a tool's arguments."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PydanticUndefinedAnnotation,
    PydanticUserError,
    TypeAdapter,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import SchemaError, to_json, to_jsonable_python

from toolwire.contracts.encoding import JsonText, sendable
from toolwire.contracts.envelopes import Arguments
from toolwire.contracts.errors import DefinitionError

_STRICT = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
_NOT_A_TYPE = (PydanticUserError, PydanticUndefinedAnnotation, SchemaError, TypeError)
"""What pydantic raises for a type that it cannot validate."""

_FIRST = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Signature:
    """The arguments and the result of one tool.

    `model` validates the arguments; `whole` is true where the function takes that one model instead of named
    parameters; `returns` validates and writes the result, `result` is its type as it was written, or the
    `TypeAdapter` that stood there instead.
    """

    def __init__(
        self,
        model: type[BaseModel],
        returns: TypeAdapter[Any],
        *,
        result: Any,
        names: tuple[str, ...],
        whole: bool,
    ) -> None:
        self.model = model
        self.returns = returns
        self.result = result
        self.whole = whole
        self._names = names
        self._fields = tuple((name, _field(name)) for name in names)

    @classmethod
    def of(cls, function: Callable[..., Any], *, takes_context: bool) -> "Signature":
        """The contract that a function's annotations state. `DefinitionError` says what is missing."""
        where = f"tool function {getattr(function, '__qualname__', function)!r}"
        hints = _hints(function, where)
        parameters = list(inspect.signature(function).parameters.values())
        if takes_context:
            if not parameters or parameters[0].kind not in _FIRST:
                raise DefinitionError(f"{where} must take its context as first parameter")
            parameters = parameters[1:]
        for parameter in parameters:
            _check(parameter, hints, where)
        if "return" not in hints:
            raise DefinitionError(
                f"{where} needs a return annotation (None is one): results are validated too"
            )
        names = tuple(parameter.name for parameter in parameters)
        whole = _only_model(parameters, hints)
        model = whole or _model(function.__name__, parameters, hints, where)
        _adapter(model, where)
        result = hints["return"]
        return cls(model, _adapter(result, where), result=result, names=names, whole=whole is not None)

    @classmethod
    def of_models(cls, args: type[BaseModel] | None, returns: Any) -> "Signature":
        """The contract of a tool that is known by its models alone; without one it takes no arguments.

        `returns` is a type or a `TypeAdapter`. Raises `DefinitionError` where pydantic knows them not.
        """
        if args is not None:
            _check_model(args)
        adapter = _adapter(returns, f"the result {returns!r}")
        model = args or create_model("no_arguments", __config__=_STRICT)
        _adapter(model, f"the arguments {model.__name__}")
        result: Any = type(None) if returns is None else returns
        return cls(model, adapter, result=result, names=(), whole=args is not None)

    def encode(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Arguments:
        """Python arguments as JSON ones, not validated yet.

        `DefinitionError` where they cannot be passed or have no JSON form.
        """
        return jsonable_arguments(self._given(positional, named))

    def write(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> JsonText:
        """Python arguments as the text of JSON ones, validated. Raises as `encode` and `decode` do."""
        text = arguments_text(self._given(positional, named))
        self._validated(text)
        return text

    def _given(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Mapping[str, Any] | BaseModel:
        """The arguments by name, or the one model that holds them."""
        if (model := self._one_model(positional, named)) is not None:
            return model
        if len(positional) > len(self._names):
            takes = f"one {self.model.__name__}" if self.whole and not self._names else len(self._names)
            raise DefinitionError(f"{len(positional)} positional arguments given, the tool takes {takes}")
        arguments = dict(zip(self._names, positional, strict=False))
        if twice := arguments.keys() & named.keys():
            raise DefinitionError(f"argument {min(twice)!r} is given twice, by position and by name")
        return {**arguments, **named}

    def _one_model(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> BaseModel | None:
        """The model, where it was given as the whole of the arguments: alone, or as its parameter."""
        if not self.whole or len(positional) + len(named) != 1:
            return None
        if positional:
            return positional[0] if isinstance(positional[0], BaseModel) else None
        [(name, value)] = named.items()
        return value if name in self._names and isinstance(value, self.model) else None

    def decode(self, args: Arguments) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """JSON arguments as those of the function, validated strictly: no conversions, no unknown names.

        Raises pydantic's `ValidationError` where they do not fit.
        """
        model = self._validated(json_of(args))
        if self.whole:
            return (model,), {}
        return (), {name: getattr(model, field) for name, field in self._fields}

    def _validated(self, text: str | bytes) -> BaseModel:
        return self.model.model_validate_json(text, strict=True, extra="forbid")


def jsonable_arguments(arguments: Mapping[str, Any] | BaseModel) -> Arguments:
    """Arguments as a JSON object. `DefinitionError` where something in them has no JSON form."""
    return _written(arguments)[0]


def arguments_text(arguments: Mapping[str, Any] | BaseModel) -> JsonText:
    """The text of `jsonable_arguments`."""
    return _written(arguments)[1]


def _written(arguments: Mapping[str, Any] | BaseModel) -> tuple[Arguments, JsonText]:
    try:
        value = to_jsonable_python(arguments, by_alias=True, inf_nan_mode="constants")
        text = sendable(value)
    except ValueError as error:  # of pydantic's, of NotJson's and of bytes that are no text
        raise DefinitionError(f"the arguments cannot be sent as JSON: {error}") from error
    if not isinstance(value, dict):
        raise DefinitionError("arguments travel by name: give a mapping or a model with named fields")
    return value, text  # pyright: ignore[reportUnknownVariableType] - checked to be a JSON object


def json_of(value: JsonValue) -> bytes:
    """The text of a JSON value, for pydantic to read again: only its parser tells JSON's types from Python's.

    Not canonical, which takes five times as long. What is no number never becomes one.
    """
    return to_json(value, inf_nan_mode="null")


def _hints(function: Callable[..., Any], where: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise DefinitionError(
            f"{where}: its annotations cannot be resolved ({error}); define their names at module level"
        ) from error


def _check(parameter: inspect.Parameter, hints: Mapping[str, Any], where: str) -> None:
    if parameter.kind not in _NAMED or parameter.name not in hints:
        raise DefinitionError(
            f"{where}: parameter {parameter.name!r} needs a plain name and a type annotation; "
            "arguments travel by name and are validated by type"
        )
    if isinstance(parameter.default, FieldInfo):
        raise DefinitionError(
            f"{where}: parameter {parameter.name!r} has Field(…) as its default, which a plain call would "
            "pass on; write Annotated[type, Field(…)]"
        )


def _only_model(parameters: list[inspect.Parameter], hints: Mapping[str, Any]) -> type[BaseModel] | None:
    """The model, where the function takes exactly one parameter: a pydantic model without default."""
    if len(parameters) != 1 or parameters[0].default is not inspect.Parameter.empty:
        return None
    hint = hints[parameters[0].name]
    return hint if inspect.isclass(hint) and issubclass(hint, BaseModel) else None


def _model(
    name: str, parameters: list[inspect.Parameter], hints: Mapping[str, Any], where: str
) -> type[BaseModel]:
    fields: dict[str, Any] = {
        parameter.name: (hints[parameter.name], _default(parameter)) for parameter in parameters
    }
    try:
        return create_model(
            f"{name}_arguments", __config__=_STRICT, **{_field(key): value for key, value in fields.items()}
        )
    except _NOT_A_TYPE as error:
        raise DefinitionError(f"{where}: its parameters make no pydantic model: {error}") from error


def _default(parameter: inspect.Parameter) -> Any:
    alias = parameter.name
    if parameter.default is inspect.Parameter.empty:
        return Field(alias=alias, validation_alias=alias, serialization_alias=alias)
    return Field(default=parameter.default, alias=alias, validation_alias=alias, serialization_alias=alias)


def _field(name: str) -> str:
    """The model's own name for a parameter, which may be called `copy`. The alias is what travels."""
    return f"p_{name}"


def _check_model(args: object) -> None:
    if not (inspect.isclass(args) and issubclass(args, BaseModel)):
        raise DefinitionError(f"a pydantic model declares the arguments, and {args!r} is none")


def _adapter(hint: Any, where: str) -> TypeAdapter[Any]:
    """What validates a type; `hint` may be that already."""
    if isinstance(hint, TypeAdapter):
        return hint  # pyright: ignore[reportUnknownVariableType] - of what type is for its giver to know
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
        # A model may still wait for a name that never comes: better told now than by the first call.
        adapter.rebuild(raise_errors=True)
    except _NOT_A_TYPE as error:
        raise DefinitionError(f"{where}: pydantic cannot validate {hint!r}: {error}") from error
    return adapter
