"""pydantic's complaints as field errors that are safe to send: no input, no context, bounded."""

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from toolwire.contracts.errors import FieldError

MAX_FIELDS = 10
MAX_COUNTED = 1000
"""Of more complaints than these only the number is told: making them all takes half a second for a full line.
"""

_ECHOES = frozenset(
    {
        "assertion_error",
        "bytes_invalid_encoding",
        "datetime_object_invalid",
        "get_attribute_error",
        "iteration_error",
        "json_invalid",
        "mapping_type",
        "timezone_offset",
        "union_tag_invalid",
        "url_parsing",
        "url_syntax_violation",
        "uuid_parsing",
        "value_error",
    }
)
"""pydantic's rules whose words may repeat what was given, or what a tool's own validator said of it."""


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """The first ten complaints. Values never appear; names of unknown fields are cut short."""
    if (count := error.error_count()) > MAX_COUNTED:
        return (FieldError(path="", type="too_many_errors", message=f"{count} values do not fit"),)
    complaints = error.errors(include_input=False, include_context=False)
    return tuple(
        FieldError(path=pointer(complaint["loc"]), type=complaint["type"][:64], message=_message(complaint))
        for complaint in complaints[:MAX_FIELDS]
    )


def first_complaint(error: ValidationError) -> str:
    """Where the first thing that does not fit stands in a file of ours, and why; never its value."""
    complaint = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in complaint["loc"]) or "the file"
    return f"{where}: {complaint['msg']}"


def _message(complaint: ErrorDetails) -> str:
    # Only rules of pydantic itself have a page to read; the words of all others are a tool's own.
    if "url" not in complaint or complaint["type"] in _ECHOES:
        return "is not acceptable"
    return complaint["msg"][:500]


def pointer(location: Sequence[str | int]) -> str:
    """A location as JSON Pointer (RFC 6901): each name at most 64 characters, the whole at most 200."""
    parts = (str(part)[:64].replace("~", "~0").replace("/", "~1") for part in location)
    # A cut through `~0` or `~1` leaves a tilde that means nothing.
    return "".join(f"/{part}" for part in parts)[:200].removesuffix("~")
