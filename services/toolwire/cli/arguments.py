"""A tool's arguments from the command line: `name=value` pairs, a JSON document, or both."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from toolwire.contracts.encoding import NotJson, parse
from toolwire.contracts.envelopes import Arguments
from toolwire.contracts.errors import UsageError

INLINE = "--args"
"""What to call a document that stands in the command itself."""


def read_arguments(pairs: Sequence[str], document: str | None) -> Arguments:
    """The arguments in `pairs` and in `document`, which is JSON, `@file` or `-` for stdin.

    A pair's value is read as JSON and, where it is none, taken as text. `UsageError` says what cannot be
    read.
    """
    arguments = {} if document is None else _object(*_text(document))
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"{pair!r} is not an argument: write name=value, such as numbers='[1, 2, 3]'")
        if name in arguments:
            raise UsageError(f"the argument {name!r} is given twice")
        arguments[name] = _value(value)
    return arguments


def read_document(document: str) -> JsonValue:
    """The JSON value in `@file` or, for `-`, on stdin. `UsageError` where there is none."""
    return _json(*_text(document))


def _value(text: str) -> JsonValue:
    try:
        return cast("JsonValue", parse(text.encode()))
    except (NotJson, UnicodeEncodeError):
        return text


def _text(document: str) -> tuple[bytes, str]:
    """The bytes of a document, and what to call it."""
    try:
        if document == "-":
            return sys.stdin.buffer.read(), "stdin"
        if document.startswith("@"):
            return Path(document[1:]).read_bytes(), document[1:]
        return document.encode(), INLINE
    except (OSError, UnicodeEncodeError) as error:
        raise UsageError(f"the arguments in {document!r} cannot be read: {error}") from error


def _meant(text: bytes, where: str) -> str:
    """What begins as no JSON begins is the name of a file."""
    if where != INLINE or text[:1] in b'{["':
        return ""
    return f"; `--args @{text.decode()}` reads a file"


def _json(text: bytes, where: str) -> JsonValue:
    try:
        return cast("JsonValue", parse(text))
    except NotJson as error:
        raise UsageError(f"{where} cannot be read as JSON: {error}{_meant(text, where)}") from error


def _object(text: bytes, where: str) -> Arguments:
    value = _json(text, where)
    if not isinstance(value, dict):
        raise UsageError(f'{where} holds no JSON object: write the arguments by name, {{"name": value}}')
    return value
