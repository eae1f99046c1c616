"""JSON and base64url, in the one spelling that the protocol sends and the strict one that it accepts."""

import base64
import binascii
import functools
import gc
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NewType, TypeVar, cast

import jiter
from pydantic_core import to_json

T = TypeVar("T")

JsonText = NewType("JsonText", str)
"""Canonical JSON text that every receiver can read in any envelope: only `sendable` makes it."""

MAX_CONTAINERS = 200
"""In how many objects and arrays a value of an envelope may lie."""
MAX_NESTING = 159
"""In how many objects and arrays a value of the arguments or the result may lie; what is left is for the
envelope."""

_HEADROOM = MAX_CONTAINERS - MAX_NESTING

_LARGE_BYTES = 64 * 1024
_LONG = 2048

_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_EXPONENT = b"0e000"
_MANY_DIGITS = b"0" * 200
_LARGE_NUMBER = re.compile(rb"(?:\A|[:\[,\s])-?\d[\d.]*[eE]\+?\d{3}|\d{200}")

_DIGITS_OF_OVERFLOW = 309
_STRIDE = 64
_SAMPLED_DIGITS = re.compile(r"\d{4}", re.ASCII)

_TO_BASE64URL = bytes.maketrans(b"+/", b"-_")


class NotJson(ValueError):
    """Bytes that are not one strict JSON value, or a value that JSON cannot carry."""


def canonical(value: object, default: Callable[[Any], object] | None = None) -> str:
    """The JSON text of `value` with sorted keys, no spaces and finite numbers.

    Keys must be text: Python would write 1 and "1" alike. `default` turns what is no JSON value into one.
    Raises `NotJson` where `value` holds something that JSON has no form for: NaN, an infinity, a
    lone surrogate, an object, a cycle.
    """
    try:
        text = _writer(default)(value) if default is not None else _text(value)
        if not text.isascii():
            text.encode()  # refuses lone surrogates
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(f"the value has no JSON form: {type(error).__name__}") from error
    return text


@functools.lru_cache(maxsize=8)
def _writer(default: Callable[[Any], object] | None) -> Callable[[object], str]:
    """Python's writer of JSON; made once, it takes two thirds of the time of `json.dumps`."""
    return json.JSONEncoder(
        sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=default
    ).encode


_write = _writer(None)


def _text(value: object) -> str:
    """The canonical text. pydantic escapes long strings as Python does, and takes a fifth of the time."""
    if isinstance(value, str):
        return to_json(value).decode() if len(value) > _LONG else _write(value)
    if not isinstance(value, dict):
        return _write(value)
    members = cast("dict[Any, object]", value)
    for member in members.values():
        if isinstance(member, str) and len(member) > _LONG and all(isinstance(name, str) for name in members):
            return _object(members)
    return _write(members)


def _object(members: Mapping[str, object]) -> str:
    return f"{{{','.join(f'{_write(name)}:{_text(members[name])}' for name in sorted(members))}}}"


def sendable(value: object) -> JsonText:
    """The canonical JSON text of an argument or a result that every receiver can read in any envelope.

    Raises `NotJson` as `canonical` does, and for what `parse` refuses: too much nesting, too large numbers.
    """
    text = canonical(value)
    if not is_plainly_readable(text, MAX_NESTING):
        parse(b"[" * _HEADROOM + text.encode() + b"]" * _HEADROOM)
    return JsonText(text)


def is_plainly_readable(text: str, containers: int) -> bool:
    """Whether `parse` certainly reads this *canonical* text, and no value in it lies in more than so many
    containers. False only means that it has to be tried.

    Such text is strict JSON by its making, but for two things. It may nest too deep: never where it has few
    brackets. A number in it may overflow: only an integer of 309 digits can, as floats are finite already;
    every 64th character then shows at least four of its digits in a row.
    """
    # A fifth of the time of parsing for the text of a small call.
    if len(text) > _LARGE_BYTES or text.count("[") + text.count("{") > containers:
        return False
    return len(text) < _DIGITS_OF_OVERFLOW or _SAMPLED_DIGITS.search(text[::_STRIDE]) is None


def parse(data: bytes) -> object:
    """The value of one JSON text, read strictly.

    Refused with `NotJson` besides malformed text: duplicate keys, NaN and infinities, a value that lies in
    more than 200 objects and arrays, and numbers that are finite on the wire and infinite in a double,
    written as 1e400 or as an integer of 400 digits. Smaller integers stay exact.
    """
    try:
        value = in_one_go(_read, data)
    except ValueError as error:
        deep = "recursion limit" in str(error)
        raise NotJson("it nests too deep" if deep else "the bytes are not one strict JSON value") from error
    if not _all_finite(value, data):
        raise NotJson("a number is too large to be finite")
    return value


def _read(data: bytes) -> object:
    value: object = jiter.from_json(data, catch_duplicate_keys=True, allow_inf_nan=False)
    return value


def in_one_go(read: Callable[[bytes], T], data: bytes) -> T:
    """`read(data)`, with Python's cycle collector kept out of the making of a large JSON value, which has no
    cycles.

    It walks over what there is again and again while containers are made: a megabyte of `[],` then takes four
    times as long, and everybody else's requests wait for it.
    """
    if len(data) < _LARGE_BYTES or not gc.isenabled():
        return read(data)
    gc.disable()
    try:
        return read(data)
    finally:
        gc.enable()


def _all_finite(value: object, data: bytes) -> bool:
    """Whether every number in the value of this text fits a double."""
    # Long text mostly is long strings: to look at its few values is up to fifty times as fast as at the text.
    if len(data) > _LONG and (finite := _seen_finite(value, len(data) // 128)) is not None:
        return finite
    return not _may_overflow(data) or is_finite(value)


def _seen_finite(value: object, most: int) -> bool | None:
    """Whether every number in `value` fits a double; None where it holds more than `most` values."""
    level = [value]
    while level:
        inner: list[object] = []
        for each in level:
            kind = type(each)
            if kind is dict or kind is list:
                held = cast(
                    "list[object]", each if kind is list else cast("dict[str, object]", each).values()
                )
                most -= len(held)
                if most < 0:
                    return None
                inner.extend(held)
            elif kind is not str and not is_finite(each):
                return False
        level = inner
    return True


def _may_overflow(data: bytes) -> bool:
    """Whether a number in this text may be too large for a double: cheap, and never wrong when it says no.

    That takes an exponent of three digits, or 200 digits in a row: 199 digits and e99 are below 1e308.
    """
    # All digits become 0: two searches for fixed bytes are ten times as fast as the regular expression, which
    # then tells numbers from the ids that only look so.
    shape = data.translate(_SHAPE, b"+")
    if _LONG_EXPONENT not in shape and _MANY_DIGITS not in shape:
        return False
    return _LARGE_NUMBER.search(data) is not None


def is_finite(value: object) -> bool:
    """Whether every number anywhere in a parsed JSON value fits a double; the parser limits its depth."""
    if isinstance(value, float | int):
        try:
            return math.isfinite(value)
        except OverflowError:
            return False
    if isinstance(value, dict):
        return all(map(is_finite, cast("dict[str, object]", value).values()))
    if isinstance(value, list):
        return all(map(is_finite, cast("list[object]", value)))
    return True


def base64url(data: bytes) -> str:
    """base64url without padding (RFC 4648, section 5)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_BASE64URL, b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """The bytes of their one canonical base64url spelling; any other spelling is a `ValueError`.

    A decoder that ignores the unused low bits of the last character would read sixteen spellings alike.
    """
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64url(data) != text:
        raise ValueError("not the canonical base64url spelling")
    return data
