"""Every single-byte change of every accepted vector: `python -m tests.fuzz.every_byte`; it takes minutes.

`tests/unit/spec/test_vectors_changed.py` says which of them the tests try; here it is each of the 255 other
values of each byte. Nothing of it may be verified: ends with 1, and names the line, where something is.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.fuzz.lanes import LANES
from tests.unit.spec.vector_files import SEALED, accepted_in, every_value, is_verified, line_of


@dataclass(frozen=True, slots=True)
class Tried:
    """How often a vector's line was changed, and the changed lines that were verified all the same."""

    file: str
    vector: str
    changes: int
    verified: tuple[bytes, ...]


def main() -> int:
    """Try all; the exit code."""
    with ProcessPoolExecutor(LANES) as processes:
        tried = list(processes.map(try_all, *zip(*accepted(), strict=True)))
    for each in tried:
        for line in each.verified:
            sys.stdout.write(f"{each.vector} of {each.file}.json is verified as {line!r}\n")
    verified = sum(len(each.verified) for each in tried)
    changes = sum(each.changes for each in tried)
    sys.stdout.write(f"{changes} changes of {len(tried)} vectors: {verified} verified\n")
    return 1 if verified else 0


def accepted() -> Iterator[tuple[str, str, bytes]]:
    """The file, the name and the line of every accepted vector."""
    for name, file in SEALED.items():
        for vector in accepted_in(file):
            yield name, vector["name"], line_of(vector)


def try_all(file: str, vector: str, line: bytes) -> Tried:
    """Change every byte of a line in all ways."""
    if not is_verified(file, line):
        raise AssertionError(f"{vector} of {file}.json is not verified as it stands")
    verified = tuple(changed for changed in every_value(line, 0) if is_verified(file, changed))
    return Tried(file, vector, 255 * len(line), verified)


if __name__ == "__main__":
    raise SystemExit(main())
