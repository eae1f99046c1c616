"""A second reading of strict JSON, by Python's own parser: what `parse` is compared with.

It is written from the protocol's words and not from `parse`: UTF-8 without a byte order mark, no duplicate
keys, no NaN and no infinity however written, no lone surrogates, no value in more than 200 containers.
"""

import json
import math
from typing import Any, cast

MAX_CONTAINERS = 200
_MAX_DIGITS = 4300
"""Both parsers, and Python's own `int`, refuse longer integers; a double overflows at 309 digits anyway."""


class NotStrict(ValueError):
    """Not a text that the protocol accepts."""


def read_strictly(data: bytes) -> object:
    """The value of the JSON text in `data`. `NotStrict` where the protocol refuses it."""
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse,
            parse_float=_finite_float,
            parse_int=_finite_int,
        )
    except (ValueError, RecursionError) as error:
        raise NotStrict(str(error)) from error
    _check(value, 0)
    return value


def members_of(value: object) -> dict[str, object] | None:
    """The members of a JSON object; None where the value is no object."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal in value and in kind: 1 is not 1.0, and 0.0 is not -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        mine, theirs = cast("dict[str, object]", one), cast("dict[str, object]", other)
        return mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in mine)
    if isinstance(one, list):
        first, second = cast("list[object]", one), cast("list[object]", other)
        return len(first) == len(second) and all(map(same, first, second))
    return repr(one) == repr(other)


def without_nulls(value: object) -> object:
    """A copy in which no member is null or an empty text: to a model these and absence are one value."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {name: without_nulls(inner) for name, inner in members.items() if inner not in (None, "")}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in cast("list[object]", value)]
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise NotStrict("duplicate keys")
    return members


def _refuse(name: str) -> object:
    raise NotStrict(f"{name} is no JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotStrict("a number is infinite in a double")
    return number


def _finite_int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise NotStrict("a number is infinite in a double")
    number = int(text)
    try:
        float(number)
    except OverflowError as error:
        raise NotStrict("a number is infinite in a double") from error
    return number


def _check(value: object, containers: int) -> None:
    """Refuse lone surrogates, which Python's parser lets through, and too much nesting."""
    if containers > MAX_CONTAINERS:
        raise NotStrict("too deep")
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise NotStrict("a lone surrogate")
        return
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        inner: list[object] = [*members, *members.values()]
    elif isinstance(value, list):
        inner = cast("list[object]", value)
    else:
        return
    for each in inner:
        _check(each, containers + 1)
