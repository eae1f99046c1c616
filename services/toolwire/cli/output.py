"""What a command prints: for programs one JSON text a line, for people the same in words.

Results go to stdout, everything else to stderr. Colours are for terminals.
"""

import json
import sys
from collections.abc import Callable
from typing import Any
from unicodedata import category

from pydantic import BaseModel

from toolwire.cli.explain import Explained


def print_json(value: object) -> None:
    """One JSON text on a line of its own, at once."""
    print(json.dumps(plain(value), separators=(",", ":")), flush=True)


def print_value(value: object) -> None:
    """A JSON value for people: indented and, on a terminal, coloured."""
    text = _inert(json.dumps(plain(value), ensure_ascii=False, indent=2))
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.highlighter import JSONHighlighter

        Console().print(JSONHighlighter()(text), soft_wrap=True)
    else:
        print(text, flush=True)


def print_line(text: str) -> None:
    """A line on stdout."""
    print(printable(text), flush=True)


def print_note(text: str) -> None:
    """A line on stderr that is neither a result nor an error."""
    print(printable(text), file=sys.stderr, flush=True)


def print_error(error: Explained, *, as_json: bool) -> None:
    """An error: a JSON document on stdout for programs, words on stderr for people."""
    if as_json:
        print_json({"error": error.document})
        return
    lines = [printable(line) for line in error.lines]
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True, soft_wrap=True).print(Text("error:", "bold red"), Text("\n".join(lines)))
    else:
        print("error:", "\n".join(lines), file=sys.stderr, flush=True)


def replace_unprintable() -> None:
    """Print a question mark for what the terminal's encoding has no character for, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def plain(value: object) -> Any:
    """A model of ours as plain JSON values."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _inert(text: str) -> str:
    """The same JSON value, with all escaped that is no letter, sign or space: it could act on a terminal."""
    return "".join(
        char if char.isprintable() or char == "\n" or category(char) == "Zs" else json.dumps(char)[1:-1]
        for char in text
    )


def printable(text: str) -> str:
    """Text without control characters: what a server says must not move a terminal's cursor."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )
