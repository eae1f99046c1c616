"""A command line that calls a tool: made from its schema, to be pasted."""

import json
import shlex
from typing import Any, cast

from pydantic import JsonValue

from toolwire.cli.schemas import DEEPEST, Schema, resolved
from toolwire.contracts.descriptors import ToolDescriptor
from toolwire.contracts.encoding import NotJson, parse

_FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT5M",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "email": "somebody@example.org",
    "uri": "https://example.org/",
    "ipv4": "192.0.2.1",
}


def command_line(tool: ToolDescriptor) -> str:
    """The command that calls the tool with what it needs, and with what its author gave examples of."""
    root = tool.inputSchema
    properties = cast("dict[str, JsonValue]", root.get("properties", {}))
    needed = cast("list[str]", root.get("required", []))
    pairs = [
        _pair(name, example_of(schema, root))
        for name, schema in properties.items()
        if name in needed or (isinstance(schema, dict) and "examples" in schema)
    ]
    verb = "call" if tool.kind == "tool" else "submit --wait"
    return " ".join(["toolwire", verb, tool.name, *pairs])


def example_of(schema: JsonValue, root: Schema, depth: int = 0) -> JsonValue:
    """A value that fits the schema, as far as its keywords tell; a pattern does not."""
    found = resolved(schema, root)
    if found is None:
        return 1
    for given in ("examples", "enum"):
        if found.get(given):
            return cast("JsonValue", found[given][0])
    for given in ("const", "default"):
        if found.get(given) is not None:
            return cast("JsonValue", found[given])
    for keyword in ("anyOf", "oneOf", "allOf"):
        if found.get(keyword):
            return example_of(found[keyword][0], root, depth)
    return _of_type(found, root, depth)


def _of_type(schema: Schema, root: Schema, depth: int) -> JsonValue:
    match schema.get("type"):
        case "integer":
            return round(_number(schema, 1))
        case "number":
            return _number(schema, 0.5)
        case "boolean":
            return True
        case "string":
            return _text(schema)
        case "array":
            return _list(schema, root, depth)
        case "object":
            return _object(schema, root, depth)
        case "null":
            return None
        case _:
            return 1


def _number(schema: Schema, step: float) -> float:
    """1, or what lies nearest to it within the limits."""
    multiple = schema.get("multipleOf")
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1e9 if multiple is None else 0) + step)
    most = schema.get("maximum", schema.get("exclusiveMaximum", 1e9 + step) - step)
    number: float = max(least, min(1, most))
    return number if multiple is None else -(-number // multiple) * float(multiple)


def _text(schema: Schema) -> str:
    text = _FORMATS.get(schema.get("format", ""), "text")
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _list(schema: Schema, root: Schema, depth: int) -> JsonValue:
    if "prefixItems" in schema:
        return [example_of(each, root, depth + 1) for each in schema["prefixItems"]]
    if depth >= DEEPEST and not schema.get("minItems"):
        return []
    item = example_of(schema.get("items"), root, depth + 1)
    count = min(max(schema.get("minItems", 1), 1), schema.get("maxItems", 1_000))
    return [_another(item, number) if schema.get("uniqueItems") else item for number in range(count)]


def _another(item: JsonValue, number: int) -> JsonValue:
    if isinstance(item, int | float):
        return item + number
    return f"{item}{number or ''}" if isinstance(item, str) else item


def _object(schema: Schema, root: Schema, depth: int) -> JsonValue:
    properties: dict[str, Any] = schema.get("properties", {})
    return {name: example_of(properties.get(name), root, depth + 1) for name in schema.get("required", ())}


def _pair(name: str, value: JsonValue) -> str:
    text = value if isinstance(value, str) and _is_taken_as_text(value) else json.dumps(value)
    return f"{name}={shlex.quote(text)}" if shlex.quote(name) == name else shlex.quote(f"{name}={text}")


def _is_taken_as_text(text: str) -> bool:
    """Whether a command line's value, which is read as JSON where it is some, stays the text that it is."""
    try:
        parse(text.encode())
    except NotJson:
        return True
    return False
