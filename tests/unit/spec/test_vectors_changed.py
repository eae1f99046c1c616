"""No change of a single byte of an accepted vector gets past its signature.

Every accepted line of request.json, response.json, event.json, watch.json and control.json is tried with
one bit of each of its bytes changed, a different bit from byte to byte. To a signature one change of a
signed byte is like any other; what differs is how a line is split. So the smallest line of each file and
algorithm is tried

* with all 255 other values of every byte, from the 16 in front of the signature's member to the end. With
  HS256 it is every byte of the line; so it is with Ed25519 in a control message;
* with every byte left out, every byte twice, and six telling bytes inserted at every place.

Nothing of that may be *verified*: whether what was verified would also be read is not asked. All 255 values
of every byte of every line take minutes: `make every-byte`.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.spec.vector_files import (
    KEYS,
    SEALED,
    Vector,
    accepted_in,
    every_value,
    is_verified,
    line_of,
)

IN_FRONT = 16
INSERTED = b' "\\{\x00\xff'


def algorithm_of(vector: Vector) -> str:
    return str(KEYS[vector["accepted"]["kid"]]["algorithm"])


def smallest(file: dict[str, Any]) -> dict[str, Vector]:
    """The shortest accepted line with each kind of signature, by the algorithm."""
    by_size = sorted(accepted_in(file), key=lambda vector: len(line_of(vector)), reverse=True)
    return {algorithm_of(vector): vector for vector in by_size}


SMALLEST = [
    pytest.param(name, vector, id=f"{name}-{algorithm}")
    for name, file in SEALED.items()
    for algorithm, vector in smallest(file).items()
]


def refuse_all(name: str, vector: Vector, changed: Iterator[bytes]) -> None:
    """None of the lines may be verified."""
    tried = 0
    for line in changed:
        tried += 1
        if is_verified(name, line):
            pytest.fail(f"{vector['name']} of {name}.json is verified as {line!r}")
    assert tried >= len(line_of(vector))


def one_bit(line: bytes) -> Iterator[bytes]:
    """The line with one bit of one byte changed."""
    for place, byte in enumerate(line):
        yield line[:place] + bytes((byte ^ 1 << place % 8,)) + line[place + 1 :]


def longer_and_shorter(line: bytes) -> Iterator[bytes]:
    """The line with one byte less or more."""
    for place in range(len(line)):
        yield line[:place] + line[place + 1 :]
        yield line[: place + 1] + line[place:]
    for place in range(len(line) + 1):
        for value in INSERTED:
            yield line[:place] + bytes((value,)) + line[place:]


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize("name", SEALED)
def test_an_accepted_line_is_verified_and_with_another_bit_is_not(name: str) -> None:
    for vector in accepted_in(SEALED[name]):
        line = line_of(vector)
        assert is_verified(name, line)
        refuse_all(name, vector, one_bit(line))


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize(("name", "vector"), SMALLEST)
def test_no_byte_can_have_another_value(name: str, vector: Vector) -> None:
    whole = algorithm_of(vector) == "HS256" or name == "control"
    member = len(vector["accepted"]["payload"].encode()) - 1
    refuse_all(name, vector, every_value(line_of(vector), 0 if whole else member - IN_FRONT))


@pytest.mark.promise("P1", "P2")
@pytest.mark.parametrize(("name", "vector"), SMALLEST)
def test_no_byte_can_be_left_out_or_added(name: str, vector: Vector) -> None:
    refuse_all(name, vector, longer_and_shorter(line_of(vector)))
