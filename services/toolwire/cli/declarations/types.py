"""JSON Schema as Python types: an expression for what is small, a model for every object with named fields.

What a schema says beyond what types can hold is left to the server, which checks everything itself: a keyword
that is not known here makes a type wider, never wrong.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from toolwire.cli.declarations.literals import INDENT, docstring, literal, literal_type
from toolwire.cli.declarations.models import Models
from toolwire.cli.declarations.schema import (
    Schema,
    as_list,
    as_object,
    is_number,
    key_of,
    parts_of,
    refs_in,
    values_of,
)
from toolwire.contracts.encoding import canonical

SIMPLE = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}
FORMATS = {
    "date-time": "dt.datetime",
    "date": "dt.date",
    "time": "dt.time",
    "duration": "dt.timedelta",
    "uuid": "UUID",
    "binary": "bytes",
}
"""What pydantic writes for a string that is more."""
NUMBERS = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
LENGTHS = {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"}
COUNTS = {"minItems": "min_length", "maxItems": "max_length"}
PYTHON = {"str": str, "int": int, "float": float}
EMPTY: Mapping[str, Any] = {"list": [], "dict": {}}
ABSENT = object()


class Types:
    """Writes the types of one schema with its `$defs`.

    `role` is a word for models whose names are taken. `limits`: with the limits that values have.
    """

    def __init__(self, schema: Schema, models: Models, role: str, *, limits: bool) -> None:
        self._root = {key: value for key, value in schema.items() if key not in {"$schema", "$defs"}}
        self._defs = as_object(schema.get("$defs"))
        self._models = models
        self._role = role
        self._limits = limits

    def whole(self, name: str) -> str:
        """The type that the schema stands for; `name` is for a model without a title."""
        return self._type(self._root, name)

    # --- small types ---

    def _type(self, schema: Any, name: str) -> str:
        told = as_object(schema)
        if isinstance(ref := told.get("$ref"), str):
            return self._referred(ref)
        if (literals := literal_type(values_of(told))) is not None:
            self._models.need("Literal")
            return literals
        if parts := parts_of(told):
            return self._union(parts, name)
        return self._of_kind(told, told.get("type"), name)

    def _of_kind(self, schema: Schema, kind: Any, name: str) -> str:
        match kind:
            case "object":
                return self._object(schema, name)
            case "array":
                return self._array(schema, name)
            case "string":
                return self._string(schema)
            case "integer" | "number":
                return self._limited(SIMPLE[kind], schema, NUMBERS)
            case "boolean" | "null":
                return SIMPLE[kind]
            case _:
                return self._anything()

    def _anything(self) -> str:
        self._models.need("JsonValue")
        return "JsonValue"

    def _string(self, schema: Schema) -> str:
        text = FORMATS.get(str(schema.get("format")))
        if text is None:
            return self._limited("str", schema, LENGTHS)
        self._models.need(text.partition(".")[0])
        return text

    def _union(self, parts: list[Any], name: str) -> str:
        types = dict.fromkeys(self._type(part, name) for part in parts)
        return self._anything() if "JsonValue" in types else " | ".join(types)

    def _array(self, schema: Schema, name: str) -> str:
        if items := as_list(schema.get("prefixItems")):
            if schema.get("minItems") == schema.get("maxItems") == len(items):
                return f"tuple[{', '.join(self._type(each, name) for each in items)}]"
            return f"list[{self._anything()}]"
        return self._limited(f"list[{self._type(schema.get('items'), name)}]", schema, COUNTS)

    def _object(self, schema: Schema, name: str) -> str:
        if as_object(schema.get("properties")):
            return self._model(schema, name)
        return f"dict[str, {self._type(schema.get('additionalProperties'), name)}]"

    def _limited(self, text: str, schema: Schema, keywords: Mapping[str, str]) -> str:
        given = [(argument, schema.get(keyword)) for keyword, argument in keywords.items()]
        limits = [
            f"{argument}={literal(value)}" for argument, value in given if can_limit(text, argument, value)
        ]
        if not (limits and self._limits):
            return text
        return self._annotated(text, limits)

    def _annotated(self, text: str, options: list[str]) -> str:
        self._models.need("Annotated", "Field")
        return f"Annotated[{text}, Field({', '.join(options)})]"

    def _referred(self, ref: str) -> str:
        key = key_of(ref)
        schema = as_object(self._defs.get(key))
        if as_object(schema.get("properties")):
            return self._model(schema, key)
        # What is no model has no name here, so that what refers to itself cannot be written.
        round_about = key in {key_of(each) for each in refs_in([schema, *self._needed_by(schema).values()])}
        return self._anything() if round_about else self._type(schema, key)

    # --- models ---

    def _model(self, schema: Schema, name: str) -> str:
        made_of = canonical([dict(schema), self._needed_by(schema), self._limits])
        if (known := self._models.known(made_of)) is not None:
            return known
        title = schema.get("title")
        made = self._models.name(title if isinstance(title, str) else name, self._role, made_of)
        others = schema.get("additionalProperties")
        extra = "forbid" if others is False else "ignore" if others is None else "allow"
        lines = ["", "", f"class {made}(BaseModel):", *described(schema, after=[""])]
        lines += [f'{INDENT}model_config = ConfigDict(extra="{extra}")', "", *self._fields(schema, made)]
        self._models.need("BaseModel", "ConfigDict")
        self._models.lines += lines
        return made

    def _fields(self, schema: Schema, model: str) -> list[str]:
        properties = as_object(schema["properties"])
        needed = as_list(schema.get("required"))
        # All types first: no field may be called as one of them.
        types = {name: self._type(inner, f"{model} {name}") for name, inner in properties.items()}
        lines: list[str] = []
        taken: set[str] = set()
        for name, text in types.items():
            inner = as_object(properties[name])
            field = self._models.field(name, taken)
            taken.add(field)
            lines.append(INDENT + self._field(field, name, text, inner, required=name in needed))
            lines += described(inner)
        return lines

    def _field(self, field: str, name: str, text: str, schema: Schema, *, required: bool) -> str:
        default = "" if required else self._default(text, schema)
        options: list[str] = []
        if field != name:
            # Not alias=: type checkers would ask for that name, which Python cannot write.
            self._models.need("AliasChoices")
            told = literal(name)
            options = [f'validation_alias=AliasChoices("{field}", {told})', f"serialization_alias={told}"]
        if default is None:
            text, default = f"{text} | None", "None"
            if self._limits:  # Only the server can make this default: what is None is not sent.
                options.append("exclude_if=lambda value: value is None")
        if options:
            text = self._annotated(text, options)
        return f"{field}: {text}{default and f' = {default}'}"

    def _default(self, text: str, schema: Schema) -> str | None:
        """The default as Python writes it; None where there is none that it could."""
        default = schema.get("default", ABSENT)
        if self._is_plain(default, schema, frozenset()):
            return literal(default)
        # Nobody could do anything with a result's list that may be None.
        empty = EMPTY.get(text.partition("[")[0], ABSENT)
        unknown = default is ABSENT and not self._limits
        return repr(empty) if empty is not ABSENT and (unknown or default == empty) else None

    def _is_plain(self, value: Any, schema: Schema, seen: frozenset[str]) -> bool:
        """Whether a value is of the schema's type just as it stands."""
        if isinstance(ref := schema.get("$ref"), str):
            referred = as_object(self._defs.get(key_of(ref)))
            return ref not in seen and self._is_plain(value, referred, seen | {ref})
        if literal_type(values := values_of(schema)) is not None:
            return literal(value) in map(literal, values)
        if parts := parts_of(schema):
            return any(self._is_plain(value, as_object(part), seen) for part in parts)
        match schema.get("type"):
            case "string":
                return isinstance(value, str) and str(schema.get("format")) not in FORMATS
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "number":
                return is_number(value)
            case "boolean":
                return isinstance(value, bool)
            case "null":
                return value is None
            case "array" | "object":
                return False
            case _:
                return value is None or isinstance(value, str | int | float)

    def _needed_by(self, schema: Schema) -> dict[str, Any]:
        """The definitions that a schema needs, and those that they need."""
        found: dict[str, Any] = {}
        waiting = list(refs_in(schema))
        while waiting:
            key = key_of(waiting.pop())
            if key in self._defs and key not in found:
                found[key] = self._defs[key]
                waiting += refs_in(self._defs[key])
        return found


def described(schema: Schema, after: list[str] | None = None) -> list[str]:
    """The docstring of a model or of a field, if it has a description."""
    description = schema.get("description")
    if not isinstance(description, str) or not description.strip():
        return []
    return [*docstring(description, INDENT), *(after or [])]


def can_limit(text: str, argument: str, value: Any) -> bool:
    """Whether pydantic can limit that type so: it has no look-around in patterns, and no negative lengths."""
    if not (isinstance(value, str) if argument == "pattern" else is_number(value)):
        return False
    try:
        limited: Any = Annotated[PYTHON.get(text, list), Field(**{argument: value})]  # pyright: ignore[reportInvalidTypeForm] - made here
        TypeAdapter[Any](limited)
    except Exception:  # noqa: BLE001 - whatever it says: a limit that cannot be checked is not written
        return False
    return True
