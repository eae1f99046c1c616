"""Log records as JSON: one object a line, with the event and its fields."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from toolwire.cli.logs import JsonLine
from toolwire.services.telemetry.logs import LINES


def written(text: str, **more: Any) -> dict[str, Any]:
    """A record as it is written, read again."""
    record = logging.LogRecord("toolwire.services", logging.WARNING, "", 0, text, None, None)
    record.created = 0.25
    vars(record).update(more)
    line = JsonLine().format(record)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    told: dict[str, Any] = json.loads(line)
    return told


def test_a_record_is_one_object() -> None:
    assert written("one\ntwo") == {
        "ts": "1970-01-01T00:00:00.250+00:00",
        "level": "warning",
        "logger": "toolwire.services",
        "message": "one\ntwo",
    }


def test_an_event_brings_its_fields() -> None:
    told = written("text", event="refused", fields={"client": "client-1", "code": "forbidden"})
    assert list(told)[4:] == ["event", "client", "code"]
    assert (told["event"], told["client"], told["code"]) == ("refused", "client-1", "forbidden")


def test_a_traceback_is_in_the_object() -> None:
    try:
        raise ValueError("é")
    except ValueError:
        told = written("text", exc_info=sys.exc_info())
    assert told["exception"].splitlines()[-1] == "ValueError: é"


def test_what_another_library_means_by_event_does_not_break_a_line() -> None:
    assert "event" not in written("text", event=7, fields={})
    assert "event" not in written("text", event="click", fields="x")


def test_a_line_is_ascii_and_one_line_to_every_reader() -> None:
    """Some end a line at U+2028 or U+0085 too, and a terminal or a log collector need not speak UTF-8."""
    text = "one\u2028two\u0085three é \udc80"
    assert written(text)["message"] == text


def test_no_field_takes_the_name_of_what_every_line_has() -> None:
    fields = {field for line in LINES.values() for field in line.fields}
    assert not fields & {"ts", "level", "logger", "message", "event", "exception"}
