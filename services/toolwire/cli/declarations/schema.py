"""Reads a JSON Schema that somebody else wrote: nothing in it has to be what the standard asks for."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

Schema = Mapping[str, Any]

DEFS = "#/$defs/"


def as_object(value: Any) -> dict[str, Any]:
    """A JSON object; anything else is as good as an empty one, which says nothing."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """A JSON list; anything else is as good as an empty one."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - of anything


def values_of(schema: Schema) -> list[Any]:
    """The only values that a schema allows; none where it does not say."""
    return as_list(schema.get("enum")) or ([schema["const"]] if "const" in schema else [])


def parts_of(schema: Schema) -> list[Any]:
    """The schemas of a union; none where it is no union."""
    kinds = [{**schema, "type": kind} for kind in as_list(schema.get("type"))]
    return as_list(schema.get("anyOf")) or as_list(schema.get("oneOf")) or kinds


def key_of(ref: str) -> str:
    """The name of the definition that a reference means."""
    return ref.removeprefix(DEFS).replace("~1", "/").replace("~0", "~")


def refs_in(value: Any) -> Iterator[str]:
    """Every reference in a schema, at any depth."""
    for inner in as_list(value):
        yield from refs_in(inner)
    for key, inner in as_object(value).items():
        if key == "$ref" and isinstance(inner, str):
            yield inner
        yield from refs_in(inner)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; to Python its booleans are some, too."""
    return isinstance(value, int | float) and not isinstance(value, bool)
