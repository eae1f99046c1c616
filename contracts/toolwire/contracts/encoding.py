"""JSON and base64url, in the one spelling that the protocol sends and the strict one that it accepts."""

import base64
import gc
import json
import math
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

import jiter

MAX_NESTING = 159
"""In how many objects and arrays a value of the arguments or the result may lie; what is left of the parser's
limit is for the envelope."""

_PARSER_NESTING = 200
_HEADROOM = _PARSER_NESTING - MAX_NESTING

_LARGE_BYTES = 64 * 1024

_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_EXPONENT = b"0e000"
_MANY_DIGITS = b"0" * 200
_LARGE_NUMBER = re.compile(rb"(?:\A|[:\[,\s])-?\d[\d.]*[eE]\+?\d{3}|\d{200}")


class NotJson(ValueError):
    """Bytes that are not one strict JSON value, or a value that JSON cannot carry."""


def canonical(value: object, default: Callable[[Any], object] | None = None) -> str:
    """The JSON text of `value` with sorted keys, no spaces and finite numbers.

    Keys must be text: Python would write 1 and "1" alike. `default` turns what is no JSON value into one.
    Raises `NotJson` where `value` holds something that JSON has no form for: NaN, an infinity, a
    lone surrogate, an object, a cycle.
    """
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=default
        )
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(f"the value has no JSON form: {type(error).__name__}") from error
    return text


def sendable(value: object) -> str:
    """The canonical JSON text of an argument or a result that every receiver can read in any envelope.

    Raises `NotJson` as `canonical` does, and for what `parse` refuses: too much nesting, too large numbers.
    """
    text = canonical(value)
    parse(b"[" * _HEADROOM + text.encode() + b"]" * _HEADROOM)
    return text


def parse(data: bytes) -> object:
    """The value of one JSON text, read strictly.

    Refused with `NotJson` besides malformed text: duplicate keys, NaN and infinities, a value that lies in
    more than 200 objects and arrays, and numbers that are finite on the wire and infinite in a double,
    written as 1e400 or as an integer of 400 digits. Smaller integers stay exact.
    """
    try:
        with in_one_go(len(data)):
            value: object = jiter.from_json(data, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as error:
        deep = "recursion limit" in str(error)
        raise NotJson("it nests too deep" if deep else "the bytes are not one strict JSON value") from error
    if _may_overflow(data) and not is_finite(value):
        raise NotJson("a number is too large to be finite")
    return value


@contextmanager
def in_one_go(size: int) -> Generator[None]:
    """Keep Python's cycle collector out of the making of a large JSON value, which has no cycles.

    It walks over what there is again and again while containers are made: a megabyte of `[],` then takes four
    times as long, and everybody else's requests wait for it.
    """
    if size < _LARGE_BYTES or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


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
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """The bytes of their one canonical base64url spelling; any other spelling is a `ValueError`.

    A decoder that ignores the unused low bits of the last character would read sixteen spellings alike.
    """
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64url(data) != text:
        raise ValueError("not the canonical base64url spelling")
    return data
