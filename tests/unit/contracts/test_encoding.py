"""One spelling is sent, and nothing but strict JSON and strict base64url is read."""

import base64
import gc
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.contracts.test_sealing import json_values, nested
from toolwire.contracts.encoding import (
    MAX_CONTAINERS,
    MAX_NESTING,
    NotJson,
    base64url,
    canonical,
    from_base64url,
    in_one_go,
    is_finite,
    is_plainly_readable,
    parse,
    sendable,
)


@given(json_values)
def test_canonical_text_is_a_fixed_point(value: Any) -> None:
    text = canonical(value)
    assert parse(text.encode()) == value
    assert canonical(parse(text.encode())) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1, 2.0, True, None]}, '{"a":[1,2.0,true,null],"b":1}'),
        ({"é": "\U0001f600\u2028/"}, '{"é":"\U0001f600\u2028/"}'),
        (['\n\r\t\x00"\\'], r'["\n\r\t\u0000\"\\"]'),
        ([1e16, 1e-7, -0.0, 2**64], "[1e+16,1e-07,-0.0,18446744073709551616]"),
        (("a", "b"), '["a","b"]'),
    ],
)
def test_canonical_text_is_pinned(value: Any, text: str) -> None:
    assert canonical(value) == text


CHARACTERS = "".join(map(chr, [*range(0x800), 0x2028, 0x2029, 0xFEFF, 0xFFFF, 0x1F600]))
LONG = CHARACTERS * 2


@pytest.mark.parametrize(
    "value",
    [LONG, {"b": LONG, "a": 1.5, LONG: [LONG]}, {"é": {"b": LONG, "a": {"c": LONG}}, "a": LONG}, [LONG]],
    ids=lambda value: type(value).__name__,
)
def test_long_text_is_written_as_short_text_is(value: Any) -> None:
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(value) == written


def test_long_text_hides_nothing_that_json_cannot_carry() -> None:
    held: dict[Any, Any] = {"a": LONG}
    held["b"] = held
    for value in (
        LONG + "\ud800",
        {"a": LONG, "b": math.nan},
        {"a": LONG, 1: 1},
        {"a": LONG, "b": b""},
        held,
    ):
        with pytest.raises(NotJson, match=r"^the value has no JSON form: "):
            canonical(value)
    assert canonical({1: LONG}) == json.dumps({1: LONG}, separators=(",", ":"), ensure_ascii=False)


def cycle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        [-math.inf],
        "\ud800",
        {"\udfff": 1},
        {1: 1, "a": 1},
        {b"a": 1},
        object(),
        b"a",
        cycle(),
        nested(10**5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_carry_has_no_canonical_text(value: Any) -> None:
    with pytest.raises(NotJson, match=r"^the value has no JSON form: "):
        canonical(value)


def test_objects_are_written_through_default() -> None:
    assert canonical({"a": object()}, default=lambda _: [1]) == '{"a":[1]}'


def test_a_value_is_sendable_where_every_envelope_can_hold_it() -> None:
    """What is left is enough for the deepest place: the data of an error in the snapshot of an event."""
    deepest = nested(MAX_NESTING + 1)  # the innermost array is the value that lies so deep
    assert sendable(deepest) == "[" * (MAX_NESTING + 1) + "]" * (MAX_NESTING + 1)
    with pytest.raises(NotJson, match="nests too deep"):
        sendable(nested(MAX_NESTING + 2))
    with pytest.raises(NotJson, match="too large"):
        sendable(10**309)
    with pytest.raises(NotJson, match="no JSON form"):
        sendable(math.nan)


@pytest.mark.parametrize("around", [0, 1000, 70_000])
@pytest.mark.parametrize(
    "number",
    [10**308, 9 * 10**308, -9 * 10**308, 10**309, 10**4000],
    ids=["1e308", "9e308", "-9e308", "1e309", "1e4000"],
)
def test_a_large_integer_is_found_wherever_it_stands(number: int, around: int) -> None:
    """At every distance from the beginning, in short and in long text."""
    for step in range(0, 130, 13):
        value = ["x" * (around + step), number, "y" * around]
        if number == 10**308:
            assert parse(sendable(value).encode()) == value
            continue
        with pytest.raises(NotJson, match="too large"):
            sendable(value)


large = st.integers(min_value=300, max_value=320).flatmap(
    lambda digits: st.sampled_from([10**digits, -(10**digits)])
)
deep = st.integers(min_value=1, max_value=210).map(nested)


@given(st.recursive(json_values | large | deep, lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_what_is_plainly_readable_is_read(value: Any) -> None:
    try:
        text = canonical(value)
    except NotJson:
        return
    if is_plainly_readable(text, MAX_CONTAINERS):
        assert parse(text.encode()) == value
    if is_plainly_readable(text, MAX_NESTING):
        parse(b"[" * 41 + text.encode() + b"]" * 41)


@pytest.mark.parametrize("many", [1, 100, 3000])
@pytest.mark.parametrize("number", ["1e400", "-1E+400", "9" * 309])
def test_numbers_beyond_a_double_are_refused_in_long_text(number: str, many: int) -> None:
    """Where few values stand in it, and where they are too many to be looked at one by one."""
    for inner in ("[{}]", '{{"a":[0,{{"b":{}}}]}}'):
        text = f'["{"x" * 3000}",{"0.5," * many}{inner.format(number)}]'
        with pytest.raises(NotJson, match="too large to be finite"):
            parse(text.encode())
        assert parse(text.replace(number, "1e308").encode()) == json.loads(text.replace(number, "1e308"))


def test_the_cycle_collector_rests_while_a_large_value_is_made_and_only_then() -> None:
    for data, rests in ((b"1", False), (b"1" * 100_000, True)):
        assert in_one_go(lambda _: not gc.isenabled(), data) is rests
        assert gc.isenabled()
    gc.disable()
    try:
        in_one_go(len, b"1" * 100_000)
        assert not gc.isenabled(), "it was off before"
    finally:
        gc.enable()
    with pytest.raises(ZeroDivisionError):
        in_one_go(lambda _: 1 // 0, b"1" * 100_000)
    assert gc.isenabled()


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "{", "[1,]", '{"a":1,}', "01", "+1", ".5", "1.", "nul", "NaN", "Infinity", "-Infinity",
        "'a'",
        '{"a":1,"a":1}', '{"a":1,"\\u0061":1}', '[[{"b":{"a":1,"a":1}}]]', "1 2", "{} {}",
        "// x\n1", '"\t"', '"\\ud800"',
        "[" * 202 + "]" * 202, "[" * 100_000, '{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused(text: str) -> None:
    with pytest.raises(NotJson):
        parse(text.encode())


def test_containers_nest_up_to_201_times() -> None:
    assert parse(b"[" * 201 + b"]" * 201) == nested(201)


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf1", b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', "1".encode("utf-16")]
)
def test_what_is_not_plain_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(NotJson):
        parse(data)


@pytest.mark.parametrize(
    "number",
    [
        "1e400", "-1e400", "1E400", "1e+400", "1E+0400", "1.5e309", "12345.678e306", "1e309",
        "9" * 309, "-" + "9" * 400, "1" * 211 + "e99", "9" * 305 + "e5", "1" * 400 + ".0", "1" + "0" * 309,
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "place", ["{}", "[{}]", '{{"a":{}}}', '{{"a": {}}}', '[1, {{"b":[0,{}]}}]', "[\n{}]"]
)
def test_numbers_beyond_a_double_are_refused_wherever_they_stand(number: str, place: str) -> None:
    with pytest.raises(NotJson, match="too large to be finite"):
        parse(place.format(number).encode())


@pytest.mark.parametrize(
    "text",
    [
        "1e308",
        "-1.7976931348623157e308",
        "1e-400",
        "1e0005",
        "[1e00]",
        "9" * 308,
        "0." + "3" * 400,
        "123e-999",
    ],
)
def test_large_and_long_numbers_within_a_double_are_read(text: str) -> None:
    assert parse(text.encode()) == json.loads(text)


@pytest.mark.parametrize("text", ['"1e400"', '"9e999"', '{"8e0931":"x,1e999"}', '"' + "1" * 400 + '"'])
def test_text_that_looks_like_a_large_number_is_read(text: str) -> None:
    assert parse(text.encode()) == json.loads(text)


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_not(data: bytes) -> None:
    try:
        value = parse(data)
    except NotJson:
        return
    assert is_finite(value)


@given(json_values)
def test_python_reads_canonical_text_alike(value: Any) -> None:
    assert json.loads(canonical(value)) == parse(canonical(value).encode())


def test_finite_is_asked_at_every_depth() -> None:
    assert is_finite({"a": [1, 2.5, "NaN", None, True, {"b": [0]}]})
    assert not is_finite({"a": [{"b": [math.inf]}]})
    assert not is_finite([10**400])


@given(st.binary())
def test_base64url_comes_back(data: bytes) -> None:
    assert from_base64url(base64url(data)) == data
    assert base64url(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    "text", ["A", "AB", "AA=", "AA==", "A A", "AA\n", "+A", "/w", "é", "AAA*", "AAAAA", "\ud800"]
)
def test_every_other_spelling_of_base64url_is_refused(text: str) -> None:
    """`AB` decodes to the byte of `AA`: only the spelling that the protocol writes is read."""
    with pytest.raises(ValueError):  # noqa: PT011 - binascii words it differently for every fault
        from_base64url(text)
