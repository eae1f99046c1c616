"""What a server tells about a tool: its schemas, its manners, and the digest that pins them."""

import hashlib
from collections.abc import Iterator
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, JsonValue, PydanticUserError, TypeAdapter

from toolwire.contracts.encoding import base64url, canonical
from toolwire.contracts.errors import DefinitionError
from toolwire.contracts.names import Digest, ToolName

Kind = Literal["tool", "job"]
"""`tool` answers at once; `job` answers `accepted` and is told of by events."""

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Annotations(BaseModel):
    """The hints of the Model Context Protocol about a tool's manners (specification 2026-07-28)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    readOnlyHint: bool  # noqa: N815 - MCP's spelling
    destructiveHint: bool  # noqa: N815 - MCP's spelling
    idempotentHint: bool  # noqa: N815 - MCP's spelling
    openWorldHint: bool  # noqa: N815 - MCP's spelling


class ToolDescriptor(BaseModel):
    """One entry of the signed catalogue."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: ToolName
    title: str | None
    description: str
    kind: Kind
    """A `tool` answers at once; a `job` is accepted, and told of by events."""
    inputSchema: dict[str, JsonValue]  # noqa: N815 - MCP's spelling
    """JSON Schema 2020-12 of the arguments."""
    outputSchema: dict[str, JsonValue]  # noqa: N815 - MCP's spelling
    """JSON Schema 2020-12 of the result."""
    annotations: Annotations
    tool_rev: Digest
    """base64url of SHA-256 over the canonical JSON of all other fields."""


def input_schema(args: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema 2020-12 of a tool's arguments, closed at every depth to names that it does not know."""
    schema = args.model_json_schema()
    _close(schema)
    return {"$schema": JSON_SCHEMA_DIALECT} | schema | {"additionalProperties": False}


def output_schema(returns: TypeAdapter[Any]) -> dict[str, Any]:
    """JSON Schema 2020-12 of a tool's result, as it is sent."""
    return {"$schema": JSON_SCHEMA_DIALECT} | returns.json_schema(mode="serialization")


def _close(schema: dict[str, Any]) -> None:
    """Say of every object with named properties that it has no others: arguments are validated so."""
    if "properties" in schema:
        schema["additionalProperties"] = False
    for inner in _schemas_in(schema):
        _close(inner)


def _schemas_in(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas directly in a schema; a default or an example may look like one and is none."""
    for keyword in ("properties", "$defs"):
        yield from schema.get(keyword, {}).values()
    for keyword in ("prefixItems", "anyOf", "oneOf", "allOf"):
        yield from schema.get(keyword, ())
    for keyword in ("items", "additionalProperties"):
        if isinstance(inner := schema.get(keyword), dict):
            yield cast("dict[str, Any]", inner)


def describe_tool(
    *,
    name: str,
    title: str | None,
    description: str,
    kind: Kind,
    args: type[BaseModel],
    returns: TypeAdapter[Any],
    annotations: Annotations,
) -> ToolDescriptor:
    """The descriptor of a tool, with the digest over everything that it says.

    `DefinitionError` where its arguments or its result have no JSON Schema.
    """
    try:
        schemas = {"inputSchema": input_schema(args), "outputSchema": output_schema(returns)}
    except PydanticUserError as error:
        raise DefinitionError(f"tool {name!r} has no JSON Schema: {error}") from error
    told: dict[str, Any] = {
        "name": name,
        "title": title,
        "description": description,
        "kind": kind,
        "annotations": annotations.model_dump(),
        **schemas,
    }
    revision = base64url(hashlib.sha256(canonical(told).encode()).digest())
    return ToolDescriptor.model_validate(told | {"tool_rev": revision})
