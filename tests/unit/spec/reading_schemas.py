"""The JSON Schemas in contracts/spec, ready to validate with, under both drafts that they are good for."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7, DRAFT202012

from spec.write.files import FOLDER

TEXTS: Mapping[str, str] = {
    file.name: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("schemas/*.json"))
}
SCHEMAS: Mapping[str, dict[str, Any]] = {name: json.loads(text) for name, text in TEXTS.items()}

DRAFTS = ("2020-12", "draft-07")


@cache
def validator(name: str, draft: str = "2020-12") -> Validator:
    """What validates with one of the files. It knows the others by their ids, and fetches nothing."""
    schemas = {each: json.loads(text, object_hook=_for_python) for each, text in TEXTS.items()}
    specification = DRAFT202012 if draft == "2020-12" else DRAFT7
    none: Registry[Any] = Registry()
    registry = none.with_resources(
        (schema["$id"], specification.create_resource(schema)) for schema in schemas.values()
    )
    validators = {"2020-12": Draft202012Validator, "draft-07": Draft7Validator}
    return validators[draft](schemas[name], registry=registry)


def _for_python(schema: dict[str, Any]) -> dict[str, Any]:
    """The `$` of ECMA-262, which JSON Schema refers to. Python's also fits before a last newline."""
    if isinstance(pattern := schema.get("pattern"), str):
        return schema | {"pattern": pattern.removesuffix("$") + r"\Z"}
    return schema
