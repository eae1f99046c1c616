"""Good lines that are edited and spliced: whatever is not one of them, byte for byte, verifies as nothing.

The input is a program: the line to begin with, then edits of four bytes each. An edit says what is done,
where (counted from the end where it is negative), and with which value.
"""

import struct

from tests.fuzz.signing import TYPES
from tests.fuzz.target import Target
from tests.unit.contracts.samples import ENVELOPES, KEYS, NOW_MS, SIGNERS
from toolwire.contracts.errors import Unverified
from toolwire.contracts.sealing import seal, verify

GOOD = tuple(seal(envelope, signer) for envelope in ENVELOPES for signer in SIGNERS)
_EDIT = struct.Struct(">BhB")


def seeds() -> list[bytes]:
    edits = [_EDIT.pack(kind, at, value) for kind in range(6) for at in (0, 100, -4) for value in (1, 7)]
    return [bytes([line]) + edit for line in range(len(GOOD)) for edit in edits]


def check(data: bytes) -> None:
    if not data:
        return
    line = GOOD[data[0] % len(GOOD)]
    for kind, at, value in _EDIT.iter_unpack(data[1 : 1 + (len(data) - 1) // 4 * 4]):
        line = _edited(line, kind % 6, at % (len(line) + 1), value)
    try:
        verified = verify(line, KEYS, TYPES, NOW_MS)
    except Unverified:
        assert line not in GOOD, "a good line is refused"
        return
    assert line in GOOD, "a line that nobody sealed is verified"
    assert b'"type":"%b"' % verified.type.encode() in verified.payload, "it is verified as another type"


def _edited(line: bytes, kind: int, at: int, value: int) -> bytes:
    other = GOOD[value % len(GOOD)]
    match kind:
        case 0:  # another byte
            return line[:at] + bytes([value]) + line[at + 1 :]
        case 1:  # another bit
            return line[:at] + bytes(byte ^ 1 << value % 8 for byte in line[at : at + 1]) + line[at + 1 :]
        case 2:  # one more byte
            return line[:at] + bytes([value]) + line[at:]
        case 3:  # some bytes less
            return line[:at] + line[at + value :]
        case 4:  # the end of another line, at the same distance from its end
            return line[: len(line) - at] + other[len(other) - at :]
        case _:  # all of another line behind it
            return line[:at] + other


TARGET = Target(seeds, check, max_bytes=64)
