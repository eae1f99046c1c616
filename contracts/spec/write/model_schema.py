"""One pydantic model as a JSON Schema for people to read.

What pydantic writes is right and hard to read: titles made of names, keywords in alphabetical order, nothing
of the texts below the fields or of the validators' conditions. All of that is mended here.
"""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from spec.write.conditions import CONDITIONS
from spec.write.docstrings import attribute_docstrings, text_of
from toolwire.contracts.descriptors import JSON_SCHEMA_DIALECT
from toolwire.contracts.errors import Code
from toolwire.contracts.history import Happened, Why
from toolwire.contracts.jobs import EventName, Status

Schema = dict[str, Any]

_ENUMS: Mapping[str, type[Enum]] = {enum.__name__: enum for enum in (Code, EventName, Happened, Status, Why)}

_FIRST = ("$schema", "$id", "title", "description", "type", "const", "enum", "properties", "required")
_LAST = ("allOf", "if", "then", "else", "$defs")


def model_schema(model: type[BaseModel], elsewhere: Mapping[str, str]) -> Schema:
    """The schema of a model. `elsewhere`: the files of models that have one of their own, by name."""
    files = {name: file for name, file in elsewhere.items() if name != model.__name__}
    written: Schema = _referring(model.model_json_schema(schema_generator=_Generator), files)
    definitions = written.pop("$defs", {})
    written["$defs"] = {
        name: _with_members(name, definitions[name]) for name in sorted(_needed(written, definitions))
    }
    if not written["$defs"]:
        del written["$defs"]
    return {"$schema": JSON_SCHEMA_DIALECT, **written}


def in_order(schema: Any) -> Any:
    """The schema with its keywords in the order of reading."""
    if isinstance(schema, list):
        return [in_order(each) for each in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("Schema", schema)
    middle = [keyword for keyword in given if keyword not in {*_FIRST, *_LAST}]
    return {
        # The names of properties and definitions are no keywords.
        keyword: {name: in_order(each) for name, each in given[keyword].items()}
        if keyword in ("properties", "$defs")
        else in_order(given[keyword])
        for keyword in (*_FIRST, *middle, *_LAST)
        if keyword in given
    }


class _Generator(GenerateJsonSchema):
    """pydantic's own, with what stands beside the fields and without titles made of names."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        model = cast("type[BaseModel]", schema["cls"])
        written = super().model_schema(schema)
        told = attribute_docstrings(model)
        for name, field in model.model_fields.items():
            if name in told:
                written["properties"][field.serialization_alias or name]["description"] = told[name]
        return written | {"description": text_of(model)} | CONDITIONS.get(model, {})


def _referring(schema: Any, files: Mapping[str, str]) -> Any:
    """The schema with its references to other files, and without pydantic's name for any JSON value."""
    if isinstance(schema, list):
        return [_referring(each, files) for each in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = {key: _referring(value, files) for key, value in cast("Schema", schema).items()}
    name = str(given.get("$ref", "")).removeprefix("#/$defs/")
    if name == "JsonValue":
        del given["$ref"]
    elif name in files:
        given["$ref"] = files[name]
    if given.get("additionalProperties") == {}:
        given["additionalProperties"] = True
    return given


def _needed(schema: Schema, definitions: Mapping[str, Schema]) -> set[str]:
    """The definitions that the schema leads to by itself, not through another file."""
    needed: set[str] = set()
    waiting = [schema]
    while waiting:
        text = json.dumps(waiting.pop())
        found = {name for name in definitions if f'"#/$defs/{name}"' in text} - needed
        needed |= found
        waiting += [definitions[name] for name in found]
    return needed


def _with_members(name: str, definition: Schema) -> Schema:
    """An enum's definition says what each of its members means."""
    if name not in _ENUMS:
        return definition
    told = attribute_docstrings(_ENUMS[name])
    lines = [f"- `{member.value}`: {told[member.name]}" for member in _ENUMS[name]]
    return definition | {"description": "\n".join([text_of(_ENUMS[name]), "", *lines])}
