"""A command line that calls a tool: made from its schema, to be pasted."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from toolwire.cli.schema_reading import Reader, Schema
from toolwire.cli.schemas import DEEPEST
from toolwire.contracts.descriptors import ToolDescriptor
from toolwire.contracts.encoding import NotJson, parse

LONGEST = 4000
"""Characters of examples, about: what is longer nobody pastes."""
DEEPEST_NEEDED = 12
"""How many levels are made where each needs the next."""

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
    reader = Reader(tool.inputSchema, LONGEST)
    verb = "call" if tool.kind == "tool" else "submit --wait"
    return " ".join(["toolwire", verb, tool.name, *_pairs(reader)])


def answer_line(job_id: str, schema: dict[str, JsonValue]) -> str:
    """The command that answers a job whose question has this schema."""
    words = list(_pairs(Reader(schema, LONGEST)))
    if not words:  # nothing is needed, or it is no object
        words = [shlex.quote(json.dumps(example_of(schema, schema), ensure_ascii=False))]
    return " ".join(["toolwire", "answer", job_id, *words])


def _pairs(reader: Reader) -> Iterator[str]:
    root = reader.resolved(reader.root) or {}
    needed = frozenset(root.get("required", ()))
    properties: dict[str, JsonValue] = root.get("properties", {})
    for name, schema in properties.items():
        if name in needed or (isinstance(schema, dict) and "examples" in schema):
            reader.spend(len(name))
            pair = _pair(name, _example(schema, reader, 0))
            if reader.left <= 0:
                yield "…"
                return
            yield pair


def example_of(schema: JsonValue, root: Schema) -> JsonValue:
    """A value that fits the schema, as far as its keywords tell; a pattern does not. It has an end, too."""
    return _example(schema, Reader(root, LONGEST), 0)


def _example(schema: JsonValue, reader: Reader, depth: int) -> JsonValue:
    reader.spend(1)
    found = reader.resolved(schema)
    if found is None or reader.left <= 0 or depth > DEEPEST_NEEDED:
        return 1
    for given in ("examples", "enum"):
        if given in found:
            return _given(found[given][0], reader)
    for given in ("const", "default"):
        if found.get(given) is not None:
            return _given(found[given], reader)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in found:
            return _example(found[keyword][0], reader, depth + 1)
    return _of_type(found, reader, depth)


def _given(value: JsonValue, reader: Reader) -> JsonValue:
    reader.spend(_size(value))
    return value


def _size(value: JsonValue) -> int:
    return len(json.dumps(value))


def _of_type(schema: Schema, reader: Reader, depth: int) -> JsonValue:
    match schema.get("type"):
        case "integer":
            return round(_number(schema, 1))
        case "number":
            return _number(schema, 0.5)
        case "boolean":
            return True
        case "string":
            return _text(schema, reader)
        case "array":
            return _list(schema, reader, depth)
        case "object":
            return _object(schema, reader, depth)
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


def _text(schema: Schema, reader: Reader) -> str:
    least = min(schema.get("minLength", 0), reader.left + 1)  # one more than there may be: it is noticed
    text = _FORMATS.get(schema.get("format", ""), "text").ljust(least, "x")[: schema.get("maxLength")]
    reader.spend(len(text))
    return text


def _list(schema: Schema, reader: Reader, depth: int) -> JsonValue:
    if "prefixItems" in schema:
        return [_example(each, reader, depth + 1) for each in schema["prefixItems"]]
    if depth >= DEEPEST and not schema.get("minItems"):
        return []
    item = _example(schema.get("items"), reader, depth + 1)
    size = _size(item)
    most = min(schema.get("maxItems", 1_000), max(reader.left, 0) // size + 1)
    count = min(max(schema.get("minItems", 1), 1), most)
    reader.spend((count - 1) * size)
    return [_another(item, number) if schema.get("uniqueItems") else item for number in range(count)]


def _another(item: JsonValue, number: int) -> JsonValue:
    if isinstance(item, int | float):
        return item + number
    return f"{item}{number or ''}" if isinstance(item, str) else item


def _object(schema: Schema, reader: Reader, depth: int) -> JsonValue:
    properties: dict[str, Any] = schema.get("properties", {})
    needed: list[str] = schema.get("required", [])
    reader.spend(sum(map(len, needed)))
    return {name: _example(properties.get(name), reader, depth + 1) for name in needed}


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
