"""What a server tells about a tool, and the digest that pins it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from toolwire.contracts.descriptors import (
    JSON_SCHEMA_DIALECT,
    Annotations,
    ToolDescriptor,
    describe_tool,
    input_schema,
    output_schema,
)
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.signatures import Signature

ROOT = Path(__file__).parents[3]
MANNERS = Annotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)


class Leaf(BaseModel):
    """A model whose own fields have the names of schema keywords."""

    properties: int
    type: str = "object"


class Tree(BaseModel):
    model_config = ConfigDict(json_schema_extra={"default": {"properties": {}}})

    leaf: Leaf
    maybe: Leaf | None = None
    many: list[Leaf] = []
    named: dict[str, Leaf] = {}
    pair: tuple[Leaf, int] | None = None
    loose: dict[str, int] = {}


class Sum(BaseModel):
    count: int
    total: float


def batch_sum(numbers: Annotated[list[float], Field(min_length=1)]) -> Sum:
    return Sum(count=len(numbers), total=sum(numbers))


def other(numbers: list[float]) -> list[float]:
    return numbers


def describe(function: Callable[..., Any] = batch_sum, **changes: Any) -> ToolDescriptor:
    signature = Signature.of(function, takes_context=False)
    told: dict[str, Any] = {
        "name": "batch_sum",
        "title": None,
        "description": "Add numbers.",
        "kind": "tool",
        "args": signature.model,
        "returns": signature.returns,
        "annotations": MANNERS,
    }
    return describe_tool(**{**told, **changes})


def test_a_tool_is_described_by_its_schemas() -> None:
    told = describe()
    assert told.inputSchema == {
        "$schema": JSON_SCHEMA_DIALECT,
        "title": "batch_sum_arguments",
        "type": "object",
        "properties": {
            "numbers": {"title": "Numbers", "type": "array", "items": {"type": "number"}, "minItems": 1}
        },
        "required": ["numbers"],
        "additionalProperties": False,
    }
    assert told.outputSchema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert told.outputSchema["required"] == ["count", "total"]


def test_every_object_is_closed_to_names_that_it_does_not_know() -> None:
    """As it is validated: but only schemas are closed, not defaults that look like one, nor open mappings."""
    schema = input_schema(Tree)
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Leaf"]["additionalProperties"] is False
    assert schema["default"] == {"properties": {}}
    assert schema["properties"]["loose"]["additionalProperties"] == {"type": "integer"}
    assert schema["properties"]["named"]["additionalProperties"] == {"$ref": "#/$defs/Leaf"}
    assert "additionalProperties" not in schema["$defs"]["Leaf"]["properties"]


def test_a_model_without_fields_is_closed_too() -> None:
    assert input_schema(type("Empty", (BaseModel,), {}))["additionalProperties"] is False


def test_the_revision_is_pinned() -> None:
    """Clients pin it: a release that computes it differently breaks every pinned tool."""
    assert describe().tool_rev == "YTdW8WsCghzPX5WKDspEfgfVkmOw-HnVhIEa2evEtUo"


def test_the_revision_is_the_same_in_every_run() -> None:
    code = "from tests.unit.contracts.test_descriptors import describe; print(describe().tool_rev)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONHASHSEED": "7"},
    )
    assert run.stdout.strip() == describe().tool_rev


@pytest.mark.parametrize(
    "change",
    [
        {"name": "batch_add"},
        {"title": "Add"},
        {"description": "Add numbers!"},
        {"kind": "job"},
        {"function": other},
        {"args": Tree},
        {"returns": TypeAdapter(int)},
        {"annotations": MANNERS.model_copy(update={"openWorldHint": True})},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_revision_changes_with_everything_that_is_told(change: dict[str, Any]) -> None:
    assert describe(**change).tool_rev != describe().tool_rev


def test_a_descriptor_comes_back_from_json() -> None:
    assert ToolDescriptor.model_validate_json(describe().model_dump_json()) == describe()


@pytest.mark.parametrize("wrong", [{"name": "a b"}, {"kind": "service"}])
def test_a_descriptor_is_strict(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        describe(**wrong)


def test_a_tool_without_a_schema_is_refused() -> None:
    def tool(callback: Callable[[], int]) -> None: ...

    with pytest.raises(DefinitionError, match=r"^tool 'batch_sum' has no JSON Schema: "):
        describe(tool)


def test_a_result_is_described_as_it_is_sent() -> None:
    assert output_schema(TypeAdapter(bytes)) == {
        "$schema": JSON_SCHEMA_DIALECT,
        "type": "string",
        "format": "binary",
    }
