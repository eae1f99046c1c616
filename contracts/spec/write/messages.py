"""Bodies of messages, and the lines in them: `vectors/messages.json`."""

from collections.abc import Iterator
from typing import Any

from spec.write.lines import Vector

JSONL = "application/jsonl"
MAX_LINES = 64
MAX_BYTES = 1_048_576
_OTHER_SEPARATORS = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1eg"

ABOUT = """\
Messages, up to where their lines are checked one by one: requests, responses and events alike. \
`content_type` and `content_encoding` are the AMQP properties; null stands for a property that is absent. \
`body` is a list of pieces, to be joined without anything between them: a text (in UTF-8), or {"repeat", \
"times"} for a text that stands there so many times. `body_base64url` stands for a body that is no UTF-8. \
`accepted`: the `lines`, each written as a text or as a list of pieces; whether one of them is good is not \
judged here. `refused`: the whole message is put aside, or dropped, without an answer, and `reason` is the \
word. Where several reasons apply, the first in this order is given: content type, content encoding, size, \
number of lines, their shape."""


def messages_file() -> dict[str, Any]:
    """What stands in messages.json."""
    return {"about": ABOUT, "vectors": [*_accepted(), *_refused()]}


def _repeat(text: str, times: int) -> dict[str, Any]:
    return {"repeat": text, "times": times}


def _message(
    name: str, body: list[Any], content_type: str | None = JSONL, encoding: str | None = None
) -> Vector:
    return {"name": name, "content_type": content_type, "content_encoding": encoding, "body": body}


def _accepted() -> Iterator[Vector]:
    for name, body, lines in (
        ("one line", ["{}"], ["{}"]),
        ("two lines", ["{1}\n{2}"], ["{1}", "{2}"]),
        ("64 lines", [_repeat("{}\n", MAX_LINES - 1), "{}"], ["{}"] * MAX_LINES),
        ("exactly a mebibyte", [_repeat("a", MAX_BYTES)], [[_repeat("a", MAX_BYTES)]]),
        (
            "two lines, a mebibyte together",
            [_repeat("a", MAX_BYTES // 2), "\n", _repeat("b", MAX_BYTES // 2 - 1)],
            [[_repeat("a", MAX_BYTES // 2)], [_repeat("b", MAX_BYTES // 2 - 1)]],
        ),
        ("what is no line feed separates no lines", [_OTHER_SEPARATORS], [_OTHER_SEPARATORS]),
        ("spaces and tabs stay", [" a \n\tb\t"], [" a ", "\tb\t"]),
        ("a byte order mark stays", ["\ufeff{}"], ["\ufeff{}"]),
        ("an escaped line feed is no line feed", ['"\\n\\r"'], ['"\\n\\r"']),
    ):
        yield {**_message(name, body), "accepted": {"lines": lines}}
    no_text = _message("bytes that are no UTF-8", [])
    del no_text["body"]
    yield {
        **no_text,
        "body_base64url": "__4K_w",
        "accepted": {"lines_base64url": ["__4", "_w"]},
    }


def _refused() -> Iterator[Vector]:
    for name, body, reason in (
        ("a byte more than a mebibyte", [_repeat("a", MAX_BYTES + 1)], "too_large"),
        ("a mebibyte of characters of two bytes", [_repeat("\u00e9", MAX_BYTES)], "too_large"),
        ("65 lines", [_repeat("{}\n", MAX_LINES), "{}"], "too_many_lines"),
        ("64 lines and a line feed behind", [_repeat("{}\n", MAX_LINES)], "too_many_lines"),
        ("a mebibyte of line feeds", [_repeat("\n", MAX_BYTES)], "too_many_lines"),
        ("too large comes before too many lines", [_repeat("\n", MAX_BYTES + 1)], "too_large"),
        ("too many lines come before their shape", [_repeat("\r\n", MAX_LINES)], "too_many_lines"),
        ("an empty body", [], "bad_lines"),
        ("a line feed alone", ["\n"], "bad_lines"),
        ("a line feed behind", ["{}\n"], "bad_lines"),
        ("a line feed in front", ["\n{}"], "bad_lines"),
        ("an empty line", ["{}\n\n{}"], "bad_lines"),
        ("a carriage return in front of the line feed", ["{}\r\n{}"], "bad_lines"),
        ("a carriage return behind", ["{}\r"], "bad_lines"),
        ("a carriage return between lines", ["{}\r{}"], "bad_lines"),
        ("65 lines by carriage returns", [_repeat("{}\r", MAX_LINES), "{}"], "bad_lines"),
        ("a carriage return as white space in a line", ['{\r"a":1}'], "bad_lines"),
    ):
        yield {**_message(name, body), "refused": {"code": None, "reason": reason}}
    for content_type in (
        None,
        "",
        "application/json",
        "application/jsonl; charset=utf-8",
        "Application/JSONL",
    ):
        name = f"content type: {content_type!r}" if content_type is not None else "content type: none"
        yield _unlike(name, "bad_content_type", content_type, None)
    for encoding in ("", "gzip", "identity", "utf-8"):
        yield _unlike(f"content encoding: {encoding!r}", "bad_content_encoding", JSONL, encoding)
    yield _unlike("the content type comes before the encoding", "bad_content_type", "text/plain", "gzip")
    large = [_repeat("a", MAX_BYTES + 1)]
    refusal = {"refused": {"code": None, "reason": "bad_content_encoding"}}
    yield {**_message("the content encoding comes before the size", large, JSONL, "gzip"), **refusal}


def _unlike(name: str, reason: str, content_type: str | None, encoding: str | None) -> Vector:
    return {**_message(name, ["{}"], content_type, encoding), "refused": {"code": None, "reason": reason}}
