"""Cases that are the same for every type: correctly signed texts that are good JSON, or are not.

`WELL` are JSON texts and what they say; `BADLY` are texts that the strict reading refuses. All of them stand
in the hole of an envelope, two containers deep.
"""

from collections.abc import Iterator, Mapping
from typing import cast

from spec.write.lines import HOLE, Vector, accepted, refused, sealed, with_raw
from spec.write.shape_vectors import Subject

_ONE_DOUBLE_BELOW_INFINITY = 2**1024 - 2**970
"""The smallest integer that rounds to infinity in a double; one less rounds to the largest double."""

DEEPEST = 200
"""In how many objects and arrays a value may lie, the envelope counted."""
_AROUND_THE_HOLE = 2


def _deep(value: str, containers: int) -> str:
    """A text that brings `value` to lie in so many containers."""
    arrays = containers - _AROUND_THE_HOLE
    return "[" * arrays + value + "]" * arrays


def _as_deep(value: object, containers: int) -> object:
    for _ in range(containers - _AROUND_THE_HOLE):
        value = [value]
    return value


WELL: dict[str, tuple[str, object]] = {
    "a letter beyond ASCII": ('"\u00e9"', "\u00e9"),
    "a letter beyond ASCII as an escape": ('"\\u00e9"', "\u00e9"),
    "an escape in capitals": ('"\\u00E9"', "\u00e9"),
    "a character beyond the BMP": ('"\U0001f600"', "\U0001f600"),
    "a character beyond the BMP as two escapes": ('"\\ud83d\\ude00"', "\U0001f600"),
    "composed and decomposed are two keys": ('{"\u00e9":1,"e\u0301":2}', {"\u00e9": 1, "e\u0301": 2}),
    "line separators of Unicode": ('"\u2028\u2029\u0085"', "\u2028\u2029\u0085"),
    "DEL": ('"\x7f"', "\x7f"),
    "NUL as an escape": ('"\\u0000"', "\x00"),
    "a noncharacter and a byte order mark": ('"\uffff\ufeff"', "\uffff\ufeff"),
    "the short escapes": ('"\\b\\f\\n\\r\\t\\"\\\\\\/"', '\b\f\n\r\t"\\/'),
    "the end of a line as text": (
        '",\\"signature\\":\\"client-1.mac:' + "A" * 43 + '\\"}"',
        ',"signature":"client-1.mac:' + "A" * 43 + '"}',
    ),
    "a member that looks like the end of a line": (
        '{"a":1,"signature":"client-1.mac:' + "A" * 43 + '"}',
        {"a": 1, "signature": "client-1.mac:" + "A" * 43},
    ),
    "keys that are special in some languages": (
        '{"__proto__":{"a":1},"constructor":2,"":3}',
        {"__proto__": {"a": 1}, "constructor": 2, "": 3},
    ),
    "keys in another order": ('{"b":1,"10":2,"9":3}', {"b": 1, "10": 2, "9": 3}),
    "white space": ('[ 1 ,\t2\t, {\t"a" : 3 } ]', [1, 2, {"a": 3}]),
    "integers beyond 2^53": ("[9007199254740993,-18446744073709551617]", [2**53 + 1, -(2**64) - 1]),
    "an integer of 300 digits": ("1" * 300, int("1" * 300)),
    "the largest integer that a double holds": (
        str(_ONE_DOUBLE_BELOW_INFINITY - 1),
        _ONE_DOUBLE_BELOW_INFINITY - 1,
    ),
    "the largest double": ("[1.7976931348623157e308]", [1.7976931348623157e308]),
    "the text that rounds down to the largest double": ("1.797693134862315807e308", 1.7976931348623157e308),
    "a number too small to be told from 0": ("1e-400", 0.0),
    "0 with a large exponent": ("[0e99999,0.00E+400]", [0.0, 0.0]),
    "minus 0": ("[-0,-0.0]", [0, -0.0]),
    "a fraction of 0": ("1.0", 1.0),
    "exponents": ("[1e5,1E+5,5E-1]", [1e5, 1e5, 0.5]),
    "a large number as text": ('"1e400"', "1e400"),
    "a number in 200 containers": (_deep("1", DEEPEST), _as_deep(1, DEEPEST)),
    "an empty array in 200 containers": (_deep("[]", DEEPEST), _as_deep([], DEEPEST)),
}

BADLY: dict[str, str | bytes] = {
    "a key twice": '{"a":1,"a":2}',
    "a key twice with the same value": '{"a":1,"a":1}',
    "a key twice, once as an escape": '{"a":1,"\\u0061":1}',
    "a key twice, deeper": '[{"b":{"a":1,"c":2,"a":1}}]',
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "[-Infinity]",
    "1e400": "1e400",
    "-1E+400": "[-1E+400]",
    "the text that rounds up to infinity": "1.797693134862315808e308",
    "an integer of 400 digits": "9" * 400,
    "the smallest integer that rounds to infinity": str(_ONE_DOUBLE_BELOW_INFINITY),
    "a number in 201 containers": _deep("1", DEEPEST + 1),
    "an empty array in 201 containers": _deep("[]", DEEPEST + 1),
    "an object's member in 201 containers": _deep('{"a":1}', DEEPEST),
    "10,000 brackets": "[" * 10_000,
    "a single high surrogate": '"\\ud800"',
    "a single low surrogate": '"\\udc00"',
    "a high surrogate and a letter": '"\\ud83d\\u0041"',
    "two surrogates in the wrong order": '"\\ude00\\ud83d"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a byte that is no UTF-8": b'"\xff"',
    "a character of UTF-8 cut short": b'"\xc3"',
    "an overlong NUL": b'"\xc0\x80"',
    "a character beyond U+10FFFF": b'"\xf4\x90\x80\x80"',
    "Latin-1": b'"\xe9"',
    "a raw NUL": '"\x00"',
    "a raw tab in a text": '"\t"',
    "an escape that JSON has not": '"\\x41"',
    "an escape with a letter that is no digit": '"\\u00g0"',
    "a leading zero": "01",
    "a plus": "+1",
    "no digit before the point": ".5",
    "no digit behind the point": "1.",
    "no digit in the exponent": "1e",
    "a minus alone": "-",
    "hexadecimal": "0x10",
    "an underscore in a number": "1_000",
    "True": "True",
    "undefined": "undefined",
    "nothing where a value is needed": "",
    "a comma too many in an array": "[1,]",
    "a comma too many in an object": '{"a":1,}',
    "a comma missing": "[1 2]",
    "a key without quotes": "{a:1}",
    "a text in single quotes": "'a'",
    "a comment": "/* one */1",
    "a no-break space": "\u00a01",
    "a form feed": "\x0c1",
    "a bracket that is not closed": "[1",
    "a text that is not closed": '"a',
}


def good_json(subject: Subject, names: tuple[str, ...] = ()) -> Iterator[Vector]:
    """Accepted lines with the texts of `WELL`; those that are named, or all."""
    for name in names or tuple(WELL):
        raw, value = WELL[name]
        envelope = _filled(subject.open, value)
        yield accepted(f"JSON: {name}", with_raw(subject.open, raw), subject.plain, subject.type, envelope)


def _filled(open_: object, value: object) -> object:
    if open_ == HOLE:
        return value
    if isinstance(open_, Mapping):
        members = cast("Mapping[str, object]", open_)
        return {name: _filled(member, value) for name, member in members.items()}
    return open_


def bad_json(subject: Subject) -> Iterator[Vector]:
    """Lines of a known key that are refused all the same: what was signed is no strict JSON object."""
    for name, raw in BADLY.items():
        yield _unreadable(subject, f"JSON: {name}", with_raw(subject.open, raw))
    whole = subject.payload
    payloads = {
        "an empty object": b"{}",
        "no JSON": b"{no JSON}",
        "two objects": whole + b"{}",
        "a brace too many": whole + b"}",
        "a bracket in place of the brace": whole[:-1] + b"]}",
        "a comma behind the last member": whole[:-1] + b",}",
        "the version twice": whole[:-1] + b',"v":"toolwire/1"}',
        "the version twice, once as an escape": whole[:-1] + b',"\\u0076":"toolwire/1"}',
        "the type twice": whole[:-1] + f',"type":"{subject.type}"}}'.encode(),
        "a byte order mark behind the brace": b"{\xef\xbb\xbf" + whole[1:],
        "a zero byte behind the brace": b"{\x00" + whole[1:],
    }
    for name, payload in payloads.items():
        yield _unreadable(subject, f"JSON: {name}", payload)


def _unreadable(subject: Subject, name: str, payload: bytes) -> Vector:
    return refused(name, sealed(payload, subject.plain, subject.type), "invalid_envelope")
