"""JSON Schema in words, for people who are about to type a value."""

import json
from collections.abc import Iterator
from typing import cast

from pydantic import JsonValue

from toolwire.cli.schema_reading import Reader, Schema
from toolwire.contracts.names import MAX_SAFE_INTEGER

DEEPEST = 3
"""How many levels of lists and objects are spelled out; a schema may hold itself."""
LONGEST = 4000
"""Characters, about."""

_NAMES = {"string": "text", "boolean": "true or false", "object": "object", "null": "null"}
_FORMATS = {"date-time": "date and time", "uri": "URL", "uuid": "UUID"}


def in_words(schema: JsonValue, root: Schema) -> str:
    """What fits `schema`, such as `list of number, at least 1 item`. `root` has the definitions."""
    return _words(schema, Reader(root, LONGEST), 0)


def _words(schema: JsonValue, reader: Reader, depth: int) -> str:
    if reader.left <= 0 or depth > DEEPEST + 1:
        return "…"
    words = _told(schema, reader, depth)
    reader.spend(len(words))
    return words


def _told(schema: JsonValue, reader: Reader, depth: int) -> str:
    found = reader.resolved(schema)
    if found is None:
        return "anything"
    if "const" in found:
        return json.dumps(found["const"])
    if "enum" in found:
        return " or ".join(json.dumps(each) for each in found["enum"])
    for keyword in ("anyOf", "oneOf"):
        if keyword in found:
            return " or ".join(_words(each, reader, depth + _leads_on(each)) for each in found[keyword])
    return ", ".join([_kind(found, reader, depth), *_limits(found)])


def _leads_on(schema: JsonValue) -> bool:
    """Whether it is a reference, which may lead back to where it stands."""
    return isinstance(schema, dict) and "$ref" in schema


def _kind(schema: Schema, reader: Reader, depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(str(each) for each in cast("list[object]", kind))
    if kind == "array":
        return _array(schema, reader, depth)
    if kind == "object":
        return _object(schema, reader, depth)
    if kind == "string" and "format" in schema:
        return _FORMATS.get(schema["format"], str(schema["format"]))
    return _NAMES.get(str(kind), str(kind)) if kind else "anything"


def _array(schema: Schema, reader: Reader, depth: int) -> str:
    if depth >= DEEPEST:
        return "list"
    if "prefixItems" in schema:
        return f"list [{', '.join(_words(each, reader, depth + 1) for each in schema['prefixItems'])}]"
    item = _words(schema.get("items"), reader, depth + 1)
    return f"list of ({item})" if " or " in item and not item.startswith("{") else f"list of {item}"


def _object(schema: Schema, reader: Reader, depth: int) -> str:
    if depth >= DEEPEST:
        return "object"
    if "properties" not in schema:
        return f"object of {_words(schema.get('additionalProperties'), reader, depth + 1)}"
    needed = frozenset(schema.get("required", ()))
    fields = (
        f"{name}{'' if name in needed else '?'}: {_words(each, reader, depth + 1)}"
        for name, each in schema["properties"].items()
    )
    return f"{{{'; '.join(fields)}}}"


def _limits(schema: Schema) -> Iterator[str]:
    for least, most, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ):
        bound = schema.get(most)
        yield from _between(schema.get(least), None if bound == MAX_SAFE_INTEGER else bound, unit)
    for keyword, words in (
        ("exclusiveMinimum", "more than"),
        ("exclusiveMaximum", "less than"),
        ("multipleOf", "a multiple of"),
        ("pattern", "matching"),
    ):
        if keyword in schema:
            yield f"{words} {schema[keyword]}"


def _between(least: object, most: object, unit: str) -> Iterator[str]:
    unit = unit.removesuffix("s") if 1 in (least if most is None else None, most) else unit
    if least is not None and most is not None:
        yield f"{least} to {most}{unit}" if least != most else f"{least}{unit}"
    elif least is not None:
        yield f"at least {least}{unit}"
    elif most is not None:
        yield f"at most {most}{unit}"
