"""A typed function, or one model, as a strict contract."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from tests.fuzz.reference import same
from tests.unit.contracts import later_annotations
from tests.unit.contracts.test_sealing import json_values, nested
from toolwire.contracts.encoding import canonical, parse
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.fields import field_errors
from toolwire.contracts.signatures import Signature, arguments_text, json_of, jsonable_arguments

T = TypeVar("T")


class Inner(BaseModel):
    a: int


class Open(BaseModel):
    """A model that would take anything, were it not a tool's argument."""

    model_config = ConfigDict(extra="allow", strict=False)
    a: int


class Dict(TypedDict):
    a: int


@dataclass
class Data:
    a: int


class Color(StrEnum):
    RED = "red"


class Box(BaseModel, Generic[T]):
    held: T


class Wrapper(BaseModel):
    inner: Inner


def of(function: Callable[..., Any], *, takes_context: bool = False) -> Signature:
    return Signature.of(function, takes_context=takes_context)


def paths(signature: Signature, args: dict[str, Any]) -> dict[str, str]:
    """The fields that do not fit, and the rules that they break."""
    with pytest.raises(ValidationError) as refused:
        signature.decode(args)
    return {field.path: field.type for field in field_errors(refused.value)}


def total(
    numbers: Annotated[list[float], Field(min_length=1)], scale: int = 1, *, note: str | None = None
) -> float:
    return sum(numbers) * scale + len(note or "")


async def asynchronous(a: int) -> int:
    return a


# --- from Python to JSON ---


@pytest.mark.parametrize(
    ("positional", "named", "encoded"),
    [
        (([1, 2],), {}, {"numbers": [1, 2]}),
        (([1, 2], 3), {}, {"numbers": [1, 2], "scale": 3}),
        (([1, 2],), {"note": "n"}, {"numbers": [1, 2], "note": "n"}),
        ((), {"scale": 3, "numbers": (1, 2)}, {"numbers": [1, 2], "scale": 3}),
        ((), {}, {}),
    ],
)
def test_arguments_travel_by_name(
    positional: tuple[Any, ...], named: dict[str, Any], encoded: dict[str, Any]
) -> None:
    """Defaults stay with the service, and nothing is validated yet."""
    assert of(total).encode(positional, named) == encoded


def test_too_many_arguments_are_the_callers_bug() -> None:
    with pytest.raises(DefinitionError, match=r"^4 positional arguments given, the tool takes 3$"):
        of(total).encode(([1], 1, "n", 4), {})


def test_an_argument_given_twice_is_the_callers_bug() -> None:
    with pytest.raises(
        DefinitionError, match=r"^argument 'numbers' is given twice, by position and by name$"
    ):
        of(total).encode(([1],), {"numbers": [1]})


@pytest.mark.parametrize(
    "value", [object(), float("nan"), [float("inf")], "\ud800", b"\xff", nested(170), nested(5000), 10**400]
)
def test_what_has_no_json_form_cannot_be_an_argument(value: Any) -> None:
    with pytest.raises(DefinitionError, match=r"^the arguments cannot be sent as JSON: "):
        of(total).encode((value,), {})


@pytest.mark.parametrize("value", [[1], 1, None, "a"])
def test_arguments_are_an_object(value: Any) -> None:
    with pytest.raises(DefinitionError, match="travel by name: give a mapping or a model"):
        jsonable_arguments(value)


def test_arguments_are_written_as_they_are_encoded() -> None:
    given = {"b": (1, 2.5), "a": {"é": None}, "c": b"raw"}
    assert (
        arguments_text(given)
        == canonical(jsonable_arguments(given))
        == '{"a":{"é":null},"b":[1,2.5],"c":"raw"}'
    )
    assert arguments_text(Box[int](held=1)) == '{"held":1}'
    with pytest.raises(DefinitionError, match="travel by name: give a mapping or a model"):
        arguments_text([1])  # type: ignore[arg-type]  # what is tested  # pyright: ignore[reportArgumentType] - what is tested


# --- from JSON to Python ---


@given(json_values)
def test_a_json_value_is_read_as_it_was_written(value: Any) -> None:
    assert same(parse(json_of(value)), parse(canonical(value).encode()))


@pytest.mark.parametrize(
    "value", [nested(201), 10**308, -0.0, 5e-324, 1.7976931348623157e308, 2**64, 1e16, 1e-5]
)
def test_a_value_on_the_edge_of_json_is_read_as_it_was_written(value: Any) -> None:
    assert same(parse(json_of(value)), value)


def test_what_is_no_number_reaches_no_tool() -> None:
    assert paths(of(total), {"numbers": [math.nan, -math.inf]}) == {
        "/numbers/0": "float_type",
        "/numbers/1": "float_type",
    }


def test_arguments_come_back_as_the_functions_own() -> None:
    assert of(total).decode({"numbers": [1, 2.5]}) == ((), {"numbers": [1, 2.5], "scale": 1, "note": None})
    args, kwargs = of(total).decode({"numbers": [1], "note": "abc"})
    assert total(*args, **kwargs) == 4


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        ({}, {"/numbers": "missing"}),
        ({"numbers": []}, {"/numbers": "too_short"}),
        ({"numbers": ["1"]}, {"/numbers/0": "float_type"}),
        ({"numbers": [1, True]}, {"/numbers/1": "float_type"}),
        ({"numbers": [1], "scale": "1"}, {"/scale": "int_type"}),
        ({"numbers": [1], "scale": 1.0}, {"/scale": "int_type"}),
        ({"numbers": [1], "scale": True}, {"/scale": "int_type"}),
        ({"numbers": [1], "note": 5}, {"/note": "string_type"}),
        ({"numbers": [1], "more": 1}, {"/more": "extra_forbidden"}),
        ({"numbers": "x", "scale": None}, {"/numbers": "list_type", "/scale": "int_type"}),
    ],
)
def test_arguments_that_do_not_fit_are_told_by_their_paths(
    args: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert paths(of(total), args) == wrong


def test_unknown_names_and_conversions_are_refused_at_every_depth() -> None:
    """Whatever the types of the tool's author allow elsewhere."""

    def deep(i: Inner, o: Open, d: Dict, c: Data, many: list[dict[str, Inner]]) -> None: ...

    good: dict[str, Any] = {
        "i": {"a": 1},
        "o": {"a": 1},
        "d": {"a": 1},
        "c": {"a": 1},
        "many": [{"x": {"a": 1}}],
    }
    signature = of(deep)
    assert signature.decode(good)[1]["many"] == [{"x": Inner(a=1)}]
    for name in "iodc":
        assert set(paths(signature, good | {name: {"a": 1, "z": 2}})) == {f"/{name}/z"}
        assert paths(signature, good | {name: {"a": "1"}}) == {f"/{name}/a": "int_type"}
    assert set(paths(signature, good | {"many": [{"x": {"a": 1, "z": 2}}]})) == {"/many/0/x/z"}


def test_types_beyond_json_have_a_text_or_a_number() -> None:
    """Strict does not forbid these: JSON has no other way to say them."""

    def typed(
        when: datetime, id_: UUID, raw: bytes, money: Decimal, pair: tuple[int, str], some: set[int],
        took: timedelta, color: Color, box: Box[int], anything: JsonValue,
    ) -> None: ...  # fmt: skip

    given = (
        datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), UUID(int=7), "é".encode(), Decimal("1.50"), (1, "a"),
        {1}, timedelta(seconds=3), Color.RED, Box[int](held=1), {"a": [None, 1.5]},
    )  # fmt: skip
    signature = of(typed)
    encoded = signature.encode(given, {})
    assert encoded["when"] == "2026-01-02T03:04:05.000006Z"
    assert encoded["money"] == "1.50"
    args, kwargs = signature.decode(encoded)
    assert args == ()
    assert tuple(kwargs.values()) == given
    assert paths(signature, encoded | {"box": {"held": "1"}}) == {"/box/held": "int_type"}


def test_a_default_is_fresh_for_every_request() -> None:
    def tool(seen: list[int] = []) -> None: ...  # noqa: B006 - what the test is about

    first = of(tool).decode({})[1]["seen"]
    first.append(1)
    assert of(tool).decode({})[1]["seen"] == []


def test_parameters_may_be_named_as_a_models_own_attributes() -> None:
    def tool(
        json: int, copy: int, schema: int, model_config: int, model_dump: int, p_copy: int, _x: int
    ) -> None: ...

    signature = of(tool)
    names = ["json", "copy", "schema", "model_config", "model_dump", "p_copy", "_x"]
    given = {name: number for number, name in enumerate(names)}
    assert signature.decode(signature.encode(tuple(range(7)), {})) == ((), given)
    assert paths(signature, given | {"p_json": 1}) == {"/p_json": "extra_forbidden"}


def test_a_parameter_travels_under_its_own_name_whatever_its_annotation_says() -> None:
    def tool(
        seconds: Annotated[int, Field(alias="a", validation_alias="b", serialization_alias="c")],
    ) -> None: ...

    assert of(tool).decode(of(tool).encode((3,), {})) == ((), {"seconds": 3})


# --- functions of every kind ---


def test_async_functions_classes_and_bound_methods_are_functions() -> None:
    class Owner:
        def method(self, a: int) -> int:
            return a

    for function in (asynchronous, Owner().method):
        assert of(function).decode({"a": 1}) == ((), {"a": 1})


def test_the_context_is_no_argument() -> None:
    def tool(ctx: object, a: int) -> None: ...

    def positional(ctx: object, /, a: int) -> None: ...

    def untyped(ctx, a: int) -> None: ...  # type: ignore[no-untyped-def]  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType] - what the test is about

    for function in (tool, positional, untyped):  # pyright: ignore[reportUnknownVariableType]
        assert of(function, takes_context=True).encode((1,), {}) == {"a": 1}  # pyright: ignore[reportUnknownArgumentType]


def test_a_context_must_be_the_first_parameter_by_position() -> None:
    def none() -> None: ...

    def by_name(*, ctx: object) -> None: ...

    def many(*args: object) -> None: ...

    for function in (none, by_name, many):
        with pytest.raises(DefinitionError, match="must take its context as first parameter"):
            of(function, takes_context=True)


def test_a_result_may_be_nothing() -> None:
    def tool() -> None: ...

    assert of(tool).returns.validate_json(b"null") is None
    assert of(tool).decode({}) == ((), {})


def test_annotations_that_are_text_are_resolved() -> None:
    signature = of(later_annotations.buy)
    item = later_annotations.Item(name="tea")
    assert signature.decode(signature.encode((item, 2), {})) == ((), {"item": item, "count": 2})
    assert paths(signature, {"item": {"name": 1}, "count": 0}) == {
        "/item/name": "string_type",
        "/count": "greater_than_equal",
    }


def test_local_types_are_types() -> None:
    class Local(BaseModel):
        a: int

    def tool(local: Local, b: int) -> None: ...

    assert of(tool).decode({"local": {"a": 1}, "b": 2})[1]["local"] == Local(a=1)


# --- one model ---


def whole(args: Inner) -> None: ...


def test_one_model_is_the_whole_of_the_arguments() -> None:
    signature = of(whole)
    for positional, named in (((Inner(a=1),), {}), ((), {"args": Inner(a=1)}), ((), {"a": 1})):
        assert signature.encode(positional, named) == {"a": 1}
    assert signature.decode({"a": 1}) == ((Inner(a=1),), {})
    assert paths(signature, {"a": "1", "b": 2}) == {"/a": "int_type", "/b": "extra_forbidden"}


def test_a_model_that_holds_a_model_is_not_taken_for_it() -> None:
    """By the field's name the inner model is a field; only the parameter's name stands for the whole."""

    def tool(inner: Wrapper) -> None: ...

    for signature in (of(tool), Signature.of_models(Wrapper, int)):
        assert signature.encode((Wrapper(inner=Inner(a=1)),), {}) == {"inner": {"a": 1}}
        assert signature.encode((), {"inner": Inner(a=1)}) == {"inner": {"a": 1}}
    assert of(tool).encode((), {"inner": Wrapper(inner=Inner(a=1))}) == {"inner": {"a": 1}}


def test_another_thing_in_the_models_place_does_not_fit() -> None:
    assert paths(of(whole), of(whole).encode(({"a": 1},), {})) == {
        "/a": "missing",
        "/args": "extra_forbidden",
    }
    with pytest.raises(DefinitionError, match="1 positional arguments given, the tool takes one Inner"):
        Signature.of_models(Inner, int).encode((1,), {})


def test_a_model_with_a_default_is_a_parameter_like_any_other() -> None:
    default = Inner(a=5)

    def tool(args: Inner = default) -> None: ...

    assert of(tool).decode({}) == ((), {"args": Inner(a=5)})


def test_generic_models_are_models() -> None:
    def tool(box: Box[int]) -> Box[str]:
        return Box[str](held=str(box.held))

    assert of(tool).encode((Box[int](held=1),), {}) == {"held": 1}
    assert paths(of(tool), {"held": "x"}) == {"/held": "int_type"}
    assert of(tool).returns.validate_python({"held": "x"}) == Box[str](held="x")


def test_a_contract_without_a_function() -> None:
    signature = Signature.of_models(Inner, list[int])
    assert signature.decode({"a": 1}) == ((Inner(a=1),), {})
    assert signature.returns.validate_python([1]) == [1]


# --- what cannot be a tool ---


class Unfinished(BaseModel):
    later: "Never"  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable] - what the test is about


def wrong_functions() -> list[tuple[Callable[..., Any], str]]:  # noqa: C901 - a list of functions, not a function
    def positional_only(a: int, /) -> None: ...

    def var_args(*rest: int) -> None: ...

    def var_named(**rest: int) -> None: ...

    def unannotated(a, b: int) -> None: ...  # type: ignore[no-untyped-def]  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType] - what the test is about

    def no_result(a: int): ...  # type: ignore[no-untyped-def]  # what the test is about

    def pattern(a: Annotated[str, Field(pattern="(")]) -> None: ...

    def field_default(a: int = Field(ge=1)) -> None: ...

    def unknown(a: "Never") -> None: ...  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType] - what the test is about

    def not_a_type(a: "int[") -> None: ...  # type: ignore  # noqa: F722, PGH003  # pyright: ignore - what the test is about

    def unfinished(a: Unfinished) -> None: ...

    def unfinished_in(a: list[Unfinished]) -> None: ...

    def unfinished_out() -> list[Unfinished]: ...  # type: ignore[empty-body]  # pyright: ignore[reportReturnType] - never called

    return [
        (positional_only, "positional_only'.*parameter 'a' needs a plain name and a type annotation"),
        (var_args, "parameter 'rest' needs a plain name"),
        (var_named, "parameter 'rest' needs a plain name"),
        (unannotated, "parameter 'a' needs a plain name and a type annotation"),  # pyright: ignore[reportUnknownVariableType]
        (no_result, "needs a return annotation"),
        (pattern, "its parameters make no pydantic model"),
        (field_default, r"parameter 'a' has Field\(…\) as its default.*write Annotated"),
        (unknown, "annotations cannot be resolved .*Never.*define their names at module level"),  # pyright: ignore[reportUnknownVariableType]
        (not_a_type, "annotations cannot be resolved"),  # pyright: ignore[reportUnknownVariableType]
        (unfinished, "cannot validate .*Never"),
        (unfinished_in, "cannot validate .*Never"),
        (unfinished_out, "cannot validate .*Never"),
        (functools.partial(whole, Inner(a=1)), "annotations cannot be resolved"),
        (later_annotations.of_a_local_type(), "annotations cannot be resolved .*Local"),  # type: ignore[list-item]  # pyright: ignore[reportReturnType] - a function
    ]


@pytest.mark.parametrize(
    ("function", "text"), wrong_functions(), ids=lambda value: getattr(value, "__name__", "")
)
def test_what_cannot_be_a_tool_is_told_when_it_is_declared(function: Callable[..., Any], text: str) -> None:
    with pytest.raises(DefinitionError, match=f"(?s)^tool function .*{text}"):
        of(function)


class Plain:
    """A class that pydantic knows nothing of."""


def test_types_that_pydantic_does_not_know_are_refused() -> None:
    def takes(a: Plain) -> None: ...

    def gives() -> Plain: ...  # type: ignore[empty-body]  # pyright: ignore[reportReturnType] - never called

    with pytest.raises(DefinitionError, match=r"takes'.*make no pydantic model: .*Plain"):
        of(takes)
    with pytest.raises(DefinitionError, match=r"gives'.*cannot validate .*Plain"):
        of(gives)
    with pytest.raises(DefinitionError, match=r"the result .*cannot validate .*Plain"):
        Signature.of_models(Inner, Plain)
