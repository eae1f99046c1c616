"""Say what in asyncapi.yaml AsyncAPI's schema does not allow, and where: `python -m spec.validate`.

Exit code 0: nothing. 1: something. 2: the schema could not be had.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, ValidationError
from jsonschema.protocols import Validator

from spec.validate.npm_package import NpmPackage, Unavailable

SPECS = NpmPackage(
    "@asyncapi/specs",
    "6.11.1",
    "sha512-A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ==",
)
SCHEMA = "package/schemas/3.0.0.json"

FILE = Path(__file__).parents[1] / "asyncapi.yaml"
CACHE = Path(__file__).parents[3] / ".cache"
"""At the root of the repository; git does not see it."""


def complaints(document: Any, schema: dict[str, Any]) -> Iterator[str]:
    """Every place that the schema does not allow, with the reason that leads furthest into it."""
    checker: Validator = Draft7Validator(schema)
    for error in checker.iter_errors(document):  # pyright: ignore[reportUnknownMemberType] - a gap in the stubs
        closest = _closest(error)
        yield f"{'/'.join(map(str, closest.absolute_path)) or 'the whole'}: {closest.message}"


def _closest(error: ValidationError) -> ValidationError:
    """Of the alternatives that all failed, the one that failed last: it is what was meant."""
    while error.context:
        # Where two get equally far, the latter: the former is the reference that might stand there instead.
        error = max(reversed(error.context), key=lambda each: len(each.absolute_path))
    return error


def main() -> int:
    """Print the complaints about asyncapi.yaml."""
    try:
        schema = json.loads(SPECS.member(SCHEMA, CACHE))
    except Unavailable as error:
        print(f"{FILE.name} was not checked: {error}", file=sys.stderr)  # noqa: T201 - a command talks
        return 2
    found = list(complaints(yaml.safe_load(FILE.read_text(encoding="utf-8")), schema))
    for each in found:
        print(f"{FILE.name}: {each}")  # noqa: T201 - the same
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
