"""Reads JSON Schemas of a server that may not be ours: no shape is trusted, and there is an end to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import JsonValue

Schema = Mapping[str, Any]

LARGEST = 1e100
"""Larger numbers, and multiples of smaller ones than `LEAST`, overflow where they are calculated with."""
LEAST = 1e-9


@dataclass(slots=True)
class Reader:
    """One schema with its definitions, and how much may still be told of it."""

    root: Schema
    left: int
    """Characters. A few definitions that hold each other could be told for ever."""

    def resolved(self, schema: object) -> Schema | None:
        """The schema that is meant: a reference is followed, and what no schema may say is left out.

        None: anything fits.
        """
        if not isinstance(schema, dict):
            return None
        given = cast("dict[str, Any]", schema)
        if isinstance(reference := given.get("$ref"), str):
            given = {**self._definition(reference), **given}
        return {key: value for key, value in given.items() if _fits(key, value)} or None

    def _definition(self, reference: str) -> Schema:
        found: object = self.root
        for part in reference.removeprefix("#/").split("/"):
            found = cast("Schema", found).get(part) if isinstance(found, dict) else None
        return cast("Schema", found) if isinstance(found, dict) else {}

    def spend(self, characters: int) -> None:
        """So many more are told."""
        self.left -= characters


def _fits(keyword: str, value: JsonValue) -> bool:
    """Whether the keyword may have that value."""
    return _SHAPES.get(keyword, _anything)(value)


def _anything(_: JsonValue) -> bool:
    return True


def _nothing(_: JsonValue) -> bool:
    return False


def _text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _texts(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _type(value: JsonValue) -> bool:
    return _text(value) or _texts(value)


def _some(value: JsonValue) -> bool:
    return isinstance(value, list) and bool(value)


def _by_name(value: JsonValue) -> bool:
    return isinstance(value, dict)


def _number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _step(value: JsonValue) -> bool:
    return isinstance(value, int | float) and _number(value) and value >= LEAST


def _count(value: JsonValue) -> bool:
    return isinstance(value, int) and _number(value) and value >= 0


_SHAPES: Mapping[str, Callable[[JsonValue], bool]] = {
    "$ref": _nothing,  # it was followed
    "type": _type,
    "required": _texts,
    "properties": _by_name,
    "multipleOf": _step,
    **dict.fromkeys(("description", "format", "pattern"), _text),
    **dict.fromkeys(("enum", "examples", "prefixItems", "anyOf", "oneOf", "allOf"), _some),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _count),
}
