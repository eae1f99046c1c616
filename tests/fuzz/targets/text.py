"""Any bytes, read as JSON: `parse` and a second reader take the same texts for the same values."""

from tests.fuzz.json_mutation import ODD_SPELLINGS
from tests.fuzz.reference import NotStrict, read_strictly, same
from tests.fuzz.target import Target
from tests.unit.contracts import samples
from toolwire.contracts.encoding import NotJson, canonical, is_finite, parse


def seeds() -> list[bytes]:
    return [
        *(
            b"[" * around + inner + b"]" * around
            for around in (199, 200, 201)
            for inner in (b"", b"1", b'{"":1}')
        ),
        *(odd.encode() for odd in ODD_SPELLINGS),
        *(envelope.payload().encode() for envelope in samples.ENVELOPES),
    ]


def check(data: bytes) -> None:
    try:
        value = parse(data)
    except NotJson:
        assert not _is_strict(data), "parse refuses what the protocol accepts"
        return
    assert same(value, read_strictly(data)), "parse reads another value"
    assert is_finite(value), "a number is infinite"
    text = canonical(value)
    assert same(parse(text.encode()), value), "canonical text says something else"
    assert canonical(parse(text.encode())) == text, "canonical text is no fixed point"


def _is_strict(data: bytes) -> bool:
    try:
        read_strictly(data)
    except NotStrict:
        return False
    return True


TOKENS = (
    *(b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b'"\\ud800"', b'"\\ud83d\\ude00"', b"\\u0000"),
    *(b"1e400", b"e308", b"E+0309", b"e-999", b"9" * 199, b"9" * 309, b"9" * 4301, b"-0", b"0.0", b'"a":'),
    *(
        b"[" * 200,
        b"]" * 200,
        b'{"":' * 200,
        b"}" * 200,
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
    ),
)
TARGET = Target(seeds, check, tokens=TOKENS, json_from=0, max_bytes=8192)
