"""Schemas in words, and example commands: what is shown fits, and what is pasted works."""

import json
import shlex
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, JsonValue, TypeAdapter
from typing_extensions import TypeAliasType

from toolwire.cli.arguments import read_arguments
from toolwire.cli.examples import command_line, example_of
from toolwire.cli.schemas import in_words
from toolwire.cli.tools import document, in_lines
from toolwire.services import JobContext, Service


class Colour(Enum):
    """Two of them."""

    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    """Where something goes."""

    street: Annotated[str, Field(min_length=3)]
    zip: str = "12345"


class Tree(BaseModel):
    """Holds itself."""

    name: str
    branches: "list[Tree]" = []


TYPES: list[tuple[Any, str]] = [
    (int, "integer"),
    (str, "text"),
    (bool, "true or false"),
    (None, "null"),
    (Any, "anything"),
    (JsonValue, "anything"),
    (float | None, "number or null"),
    (Annotated[int, Field(ge=1, le=20)], "integer, 1 to 20"),
    (Annotated[int, Field(gt=1)], "integer, more than 1"),
    (Annotated[int, Field(lt=0)], "integer, less than 0"),
    (Annotated[int, Field(ge=100, multiple_of=7)], "integer, at least 100, a multiple of 7"),
    (Annotated[str, Field(min_length=1)], "text, at least 1 character"),
    (Annotated[str, Field(max_length=9)], "text, at most 9 characters"),
    (Annotated[str, Field(pattern="^a+$", examples=["aaa"])], "text, matching ^a+$"),
    (Annotated[list[float], Field(min_length=2, max_length=2)], "list of number, 2 items"),
    (list[str | int], "list of (text or integer)"),
    (set[int], "list of integer"),
    (tuple[int, str], "list [integer, text], 2 items"),
    (dict[str, int], "object of integer"),
    (Literal["a", 7], '"a" or 7'),
    (Literal["one"], '"one"'),
    (Colour, '"red" or "blue"'),
    (datetime, "date and time"),
    (UUID, "UUID"),
    (Address, "{street: text, at least 3 characters; zip?: text}"),
    (Tree, "{name: text; branches?: list of {name: text; branches?: list}}"),
]


@pytest.mark.parametrize(("annotation", "words"), TYPES, ids=[words for _, words in TYPES])
def test_a_type_is_told_in_words_and_its_example_fits(annotation: Any, words: str) -> None:
    adapter = TypeAdapter(annotation)
    schema = adapter.json_schema()
    assert in_words(schema, schema) == words
    adapter.validate_python(example_of(schema, schema))


Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | None")


def test_a_type_that_holds_itself_is_told_to_some_depth() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Json)
    schema = adapter.json_schema()
    words = in_words(schema, schema)
    assert words.startswith("object of object of object of object or list or text or integer or null or ")
    assert len(words) < 1000
    adapter.validate_python(example_of(schema, schema))


A: JsonValue = {"$ref": "#/$defs/A"}
ENDLESS: list[Any] = [
    {"anyOf": [A, A]},
    {"oneOf": [{"type": "array", "items": A}, A]},
    {"type": "array", "prefixItems": [A, A], "minItems": 2},
    {"type": "array", "items": A, "minItems": 50_000_000},
    {"type": "object", "additionalProperties": A},
    {"type": "object", "required": list("abcdefghij"), "properties": dict.fromkeys("abcdefghij", A)},
    {"type": "object", "required": [""] * 1000, "properties": {"": A}},
    {"type": "array", "prefixItems": [A] * 1000},
    A,
]


@pytest.mark.parametrize("schema", ENDLESS)
def test_a_schema_without_an_end_is_told_all_the_same(schema: JsonValue) -> None:
    root = {"$defs": {"A": schema}}
    assert len(in_words(A, root)) < 20_000
    assert len(json.dumps(example_of(A, root))) < 50_000


KEYWORDS = (
    *("$ref", "type", "enum", "const", "default", "examples", "anyOf", "oneOf", "allOf", "format", "pattern"),
    *("properties", "required", "additionalProperties", "items", "prefixItems", "uniqueItems", "description"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems"),
)
ODD: list[JsonValue] = [
    None,
    True,
    -1,
    0,
    1e-300,
    1e300,
    10**150,
    "odd",
    [],
    [7],
    [[]],
    {},
    {"a": 7},
    {"a": []},
]


@pytest.mark.parametrize("keyword", KEYWORDS)
@pytest.mark.parametrize("kind", ["string", "integer", "number", "array", "object", None])
def test_a_keyword_of_another_shape_than_it_has_is_passed_over(keyword: str, kind: str | None) -> None:
    """A server that is not ours may say anything in its catalogue."""
    for value in ODD:
        schema: dict[str, JsonValue] = {"type": kind, keyword: value} if kind else {keyword: value}
        for root in (schema, {"properties": {"x": schema}, "required": ["x"]}, {"$defs": value, **schema}):
            tool = service.tools["ship"].descriptor.model_copy(
                update={"inputSchema": root, "outputSchema": root}
            )
            assert "\n".join(in_lines(tool))
            json.dumps(document(tool), allow_nan=False)


def test_an_example_is_no_longer_than_a_person_would_paste() -> None:
    for schema in (
        {"type": "string", "minLength": 50_000_000},
        {"type": "array", "items": {"type": "string", "minLength": 900}, "minItems": 50_000_000},
        {"type": "string", "examples": ["x" * 1_000_000]},
    ):
        names = [f"name-{number}" for number in range(1000)]
        root = {"properties": dict.fromkeys(names, A), "required": names}
        tool = service.tools["ship"].descriptor.model_copy(
            update={"inputSchema": {**root, "$defs": {"A": schema}}}
        )
        line = command_line(tool)
        assert len(line) < 10_000
        assert line.endswith(" …")


service = Service("server-1")


@service.tool()
async def ship(
    order: Annotated[int, Field(ge=100)],
    to: Address,
    title: str,
    when: datetime,
    gift: bool,
    notes: Annotated[list[str], Field(examples=[["it's fragile"]])] = [],  # noqa: B006 - never changed
    left_out: int = 7,
) -> None:
    """Take one of everything."""


@service.tool()
async def name_it(number_as_text: Annotated[str, Field(examples=["7"])]) -> None:
    """Take a text that looks like a number."""


@service.job()
async def wait_for_it(ctx: JobContext[None]) -> None:
    """Take nothing."""


def test_an_example_has_what_the_tool_needs_and_what_its_author_gave() -> None:
    line = command_line(service.tools["ship"].descriptor)
    assert line == (
        'toolwire call ship order=100 to=\'{"street": "text"}\' title=text when=2026-01-31T12:00:00Z '
        "gift=true notes='[\"it'\"'\"'s fragile\"]'"
    )


@pytest.mark.parametrize("name", ["ship", "name_it"])
def test_an_example_can_be_pasted(name: str) -> None:
    spec = service.tools[name]
    pairs = shlex.split(command_line(spec.descriptor))[3:]
    spec.signature.decode(read_arguments(pairs, None))


def test_a_job_is_submitted() -> None:
    assert command_line(service.tools["wait_for_it"].descriptor) == "toolwire submit --wait wait_for_it"
