"""JSON Schema in words, for people who are about to type a value."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import JsonValue

from toolwire.contracts.names import MAX_SAFE_INTEGER

Schema = Mapping[str, Any]

DEEPEST = 3
"""How many levels of an object are spelled out; a schema may hold itself."""

_NAMES = {"string": "text", "boolean": "true or false", "object": "object", "null": "null"}
_FORMATS = {"date-time": "date and time", "uri": "URL", "uuid": "UUID"}


def in_words(schema: JsonValue, root: Schema, depth: int = 0) -> str:
    """What fits `schema`, such as `list of number, at least 1 item`. `root` has the definitions."""
    found = resolved(schema, root)
    if found is None:
        return "anything"
    if "const" in found:
        return json.dumps(found["const"])
    if "enum" in found:
        return " or ".join(json.dumps(each) for each in found["enum"])
    for keyword in ("anyOf", "oneOf"):
        if keyword in found:
            return " or ".join(in_words(each, root, depth) for each in found[keyword])
    return ", ".join([_kind(found, root, depth), *_limits(found)])


def resolved(schema: JsonValue, root: Schema) -> Schema | None:
    """The schema that is meant: a reference is followed. None: anything fits."""
    if not isinstance(schema, dict):
        return None
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema or None
    found = root
    for part in reference.removeprefix("#/").split("/"):
        found = cast("Schema", found.get(part, {}))
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**found, **beside} or None


def _kind(schema: Schema, root: Schema, depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(str(each) for each in cast("list[object]", kind))
    if kind == "array":
        return _array(schema, root, depth)
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "string" and "format" in schema:
        return _FORMATS.get(schema["format"], str(schema["format"]))
    return _NAMES.get(str(kind), str(kind)) if kind else "anything"


def _array(schema: Schema, root: Schema, depth: int) -> str:
    if "prefixItems" in schema:
        return f"list [{', '.join(in_words(each, root, depth + 1) for each in schema['prefixItems'])}]"
    item = in_words(schema.get("items"), root, depth + 1)
    return f"list of ({item})" if " or " in item and not item.startswith("{") else f"list of {item}"


def _object(schema: Schema, root: Schema, depth: int) -> str:
    if "properties" not in schema:
        return f"object of {in_words(schema.get('additionalProperties'), root, depth + 1)}"
    if depth >= DEEPEST:
        return "object"
    needed = schema.get("required", ())
    fields = (
        f"{name}{'' if name in needed else '?'}: {in_words(each, root, depth + 1)}"
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
