"""Texts and values from a catalogue as Python literals, which mean the same and can be nothing else."""

import inspect
import re
from typing import Any

INDENT = "    "


def docstring(text: str, indent: str = "") -> list[str]:
    """The lines of a docstring, readable where the text allows it."""
    lines = [_escaped(line) for line in inspect.cleandoc(text).strip().splitlines()] or [""]
    if len(lines) > 1:
        return [
            f'{indent}"""{lines[0]}',
            *(indent + line if line else "" for line in lines[1:]),
            f'{indent}"""',
        ]
    return [f'{indent}"""{lines[0]}"""']


def literal(value: Any) -> str:
    """A value as Python writes it, in double quotes where that makes no difference."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text


def literal_type(values: list[Any]) -> str | None:
    """The type of one of these values; None where Python has no literal type for one of them."""
    if not values or not all(value is None or isinstance(value, str | int) for value in values):
        return None
    return f"Literal[{', '.join(dict.fromkeys(map(literal, values)))}]"


def _escaped(line: str) -> str:
    """A line in which nothing ends the literal or moves a terminal's cursor."""
    shown = "".join(_character(char) for char in line.rstrip())
    return re.sub(r'"(?="|$)', r'\\"', shown)  # no two in a row, and none at the end


def _character(char: str) -> str:
    if char == "\\":
        return "\\\\"
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
