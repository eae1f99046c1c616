"""contracts/spec/PROTOCOL.md: every field that is sent, with its type, and whether it may be left out."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from tests.unit.spec.protocol_page import plain, rows, sections
from toolwire.contracts import builtin, names
from toolwire.contracts.descriptors import ToolDescriptor
from toolwire.contracts.envelopes import Control, Envelope, Event, Request, Response, Trace
from toolwire.contracts.errors import FieldError, WireError
from toolwire.contracts.history import HistoryEntry
from toolwire.contracts.snapshots import KEY_PATTERN, JobSnapshot, Progress, Question

MODELS: Mapping[str, type[BaseModel]] = {
    "6.1": Request,
    "6.2": Response,
    "6.3": Event,
    "6.4": Control,
    "6.5": JobSnapshot,
    "6.6": Progress,
    "6.7": WireError,
    "6.8": FieldError,
    "6.9": Trace,
    "6.10": Question,
    "12.1": builtin.ServerIdentity,
    "12.2": ToolDescriptor,
    "12.4": HistoryEntry,
    "12.5": builtin.OutputPieces,
}
WORDS = {
    "JsonValue": "any",
    "Status": "job status",
    "EventName": "event name",
    "Code": "code",
    "Happened": "happening",
    "Why": "cause",
    "JobSnapshot": "snapshot",
    "WireError": "error",
    "Progress": "progress",
    "Question": "question",
    "Trace": "trace",
    "Capabilities": "object",
    "Annotations": "object",
}
PATTERNS = {
    names.ID_PATTERN: "id",
    names.KID_PATTERN: "kid",
    names.TOOL_PATTERN: "tool name",
    names.NONCE_PATTERN: "nonce",
    names.DIGEST_PATTERN: "digest",
    KEY_PATTERN: "question key",
}


def word_of(schema: Mapping[str, Any]) -> str:
    """What the page calls the type of a field with this JSON Schema."""
    match schema:
        case {"const": word}:
            return f'"{word}"'
        case {"enum": [*choices]}:
            return " or ".join(f'"{word}"' for word in choices)
        case {"$ref": ref}:
            return WORDS[ref.rpartition("/")[2]]
        case {"anyOf": [{"const": "ok"}, {"$ref": "#/$defs/Status"}]}:
            return "response status"
        case {"anyOf": [inner, {"type": "null"}]}:
            return f"{word_of(inner)} or null"
        case {"type": kind}:
            return word_of_plain(kind, schema)
        case _:
            raise AssertionError(f"the page has no word for {schema}")


def word_of_plain(kind: str, schema: Mapping[str, Any]) -> str:
    """The same, of a schema that names one type of JSON."""
    match schema:
        case {"pattern": pattern}:
            return PATTERNS.get(pattern, kind)
        case {"maxLength": most}:
            return f"text({most})"
        case {"maxItems": most}:
            return f"list of at most {most} field errors,"
        case {"minimum": 0, "maximum": names.MAX_SAFE_INTEGER}:
            return "millis"
        case {"minimum": low, "maximum": names.MAX_PRIORITY} if low == -names.MAX_PRIORITY:
            return "priority"
        case {"items": {"$ref": "#/$defs/JsonValue"} | {}, "minItems": 1}:
            return "list of any, not empty"
        case {"minimum": 0, "maximum": 1}:
            return "fraction"
        case _:
            return kind


def presence(model: type[BaseModel], name: str) -> str:
    """Whether a reader refuses the object without that field."""
    if issubclass(model, Envelope):
        return "may" if name in model.OPTIONAL else "always"
    return "always" if model.model_fields[name].is_required() else "may"


@pytest.mark.parametrize("number", MODELS)
def test_every_field_of_a_model_has_its_row_and_its_type(number: str) -> None:
    properties = MODELS[number].model_json_schema(mode="serialization")["properties"]
    told = {plain(name): plain(kind).replace("count", "millis") for name, kind, *_ in rows(number)}
    assert told == {name: word_of(schema) for name, schema in properties.items()}


@pytest.mark.parametrize("number", [number for number in MODELS if number.startswith("6.")])
def test_the_page_says_which_fields_may_be_left_out(number: str) -> None:
    model = MODELS[number]
    told = {plain(name): when for name, _, when, *_ in rows(number)}
    assert told == {name: presence(model, name) for name in model.model_fields}


def test_counts_are_those_integers_that_are_no_times() -> None:
    counted = {
        plain(name) for number in MODELS for name, kind, *_ in rows(number) if plain(kind).startswith("count")
    }
    assert counted == {"attempt", "seq", "poll_after_ms", "retry_after_ms"}


def test_the_patterns_are_those_of_the_names() -> None:
    told = {word: re.findall(r"`(\^.+?\$)`", rule) for word, _, rule in rows("3")}
    expected = {word: [pattern] for pattern, word in PATTERNS.items()}
    assert {word: found for word, found in told.items() if found} == expected
    assert str(names.MAX_SAFE_INTEGER) in sections()["3"]


def test_the_pattern_of_a_trace_is_that_of_its_model() -> None:
    pattern = Trace.model_json_schema()["properties"]["traceparent"]["pattern"]
    assert f"`{pattern}`" in sections()["6.9"]
