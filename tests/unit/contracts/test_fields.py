"""Complaints tell where and which rule, and never what was given."""

from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

import pytest
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError, PydanticKnownError

from toolwire.contracts.errors import FieldError
from toolwire.contracts.fields import MAX_COUNTED, MAX_FIELDS, field_errors, pointer

SECRET = "s3cret-value"


def complaints(kind: Any, value: Any) -> tuple[FieldError, ...]:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value, strict=True, extra="forbid")
    return field_errors(refused.value)


def value_error(value: object) -> NoReturn:
    raise ValueError(f"{value} is wrong")


def assertion(value: object) -> NoReturn:
    raise AssertionError(f"{value} is wrong")


def custom(value: object) -> NoReturn:
    raise PydanticCustomError("too_short", "{value} is wrong", {"value": str(value)})


def known(value: object) -> NoReturn:
    raise PydanticKnownError("json_invalid", {"error": f"{value} is wrong"})


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


@pytest.mark.parametrize(
    ("kind", "value", "type_"),
    [
        (Annotated[str, AfterValidator(value_error)], SECRET, "value_error"),
        (Annotated[str, AfterValidator(assertion)], SECRET, "assertion_error"),
        (Annotated[str, AfterValidator(custom)], SECRET, "too_short"),
        (Annotated[str, AfterValidator(known)], SECRET, "json_invalid"),
        (Annotated[Cat | Dog, Field(discriminator="kind")], {"kind": SECRET}, "union_tag_invalid"),
    ],
)
def test_words_that_may_repeat_the_value_are_replaced(kind: Any, value: Any, type_: str) -> None:
    assert complaints(kind, value) == (FieldError(path="", type=type_, message="is not acceptable"),)


def test_the_character_that_pydantic_shows_of_a_bad_uuid_is_not_told() -> None:
    with pytest.raises(ValidationError, match="found `!`") as refused:
        TypeAdapter(UUID).validate_json(b'"!"')
    assert [(field.type, field.message) for field in field_errors(refused.value)] == [
        ("uuid_parsing", "is not acceptable")
    ]


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, SECRET, "Input should be a valid integer"),
        (Annotated[str, Field(max_length=3)], SECRET, "String should have at most 3 characters"),
        (Annotated[str, Field(pattern="^a$")], SECRET, "String should match pattern '^a$'"),
        (Literal["a", "b"], SECRET, "Input should be 'a' or 'b'"),
        (Annotated[int, Field(le=3)], 1234567, "Input should be less than or equal to 3"),
        (Annotated[str, Field(pattern="a" * 600)], SECRET, f"String should match pattern '{'a' * 471}"),
    ],
)
def test_pydantics_own_rules_are_told_in_its_words(kind: Any, value: Any, message: str) -> None:
    [field] = complaints(kind, value)
    assert field.message == message
    assert SECRET not in repr(field)


def test_the_first_ten_are_told() -> None:
    assert [field.path for field in complaints(list[int], ["x"] * 50)] == [
        f"/{place}" for place in range(MAX_FIELDS)
    ]


def test_of_a_flood_only_the_number_is_told() -> None:
    assert len(complaints(list[int], ["x"] * MAX_COUNTED)) == MAX_FIELDS
    [field] = complaints(list[int], ["x"] * (MAX_COUNTED + 1))
    assert (field.path, field.type, field.message) == ("", "too_many_errors", "1001 values do not fit")


def test_long_types_are_cut() -> None:
    def validate(_: object) -> NoReturn:
        raise PydanticCustomError("t" * 100, "m")

    assert complaints(Annotated[int, AfterValidator(validate)], 1)[0].type == "t" * 64


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ((), ""),
        (("numbers", 0), "/numbers/0"),
        (("a/b", "c~d"), "/a~1b/c~0d"),
        (("",), "/"),
        (("x" * 1000,), "/" + "x" * 64),
        (("x" * 64,) * 10, ("/" + "x" * 64) * 3 + "/xxxx"),
        (("x" * 64, "y" * 64, "z" * 64, "abc~d"), "/" + "x" * 64 + "/" + "y" * 64 + "/" + "z" * 64 + "/abc"),
    ],
)
def test_a_location_is_a_json_pointer_that_is_never_long(location: tuple[str | int, ...], text: str) -> None:
    assert pointer(location) == text
    assert len(text) <= 200
