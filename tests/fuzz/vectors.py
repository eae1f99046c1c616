"""The published vectors as places to start from."""

import json
from pathlib import Path

from toolwire.contracts.encoding import from_base64url
from toolwire.contracts.errors import Unverified
from toolwire.contracts.sealing import split

LONGEST_LINE = 3000
"""Of very long ones the fuzzer would see the beginning alone."""
FOLDER = Path(__file__).parents[2] / "contracts/spec/vectors"


def lines(name: str) -> list[bytes]:
    """Every line of one file of vectors, good and bad, but for very long ones."""
    told = json.loads(FOLDER.joinpath(f"{name}.json").read_text())["vectors"]
    found = [
        vector["line"].encode() if "line" in vector else from_base64url(vector["line_base64url"])
        for vector in told
    ]
    return [line for line in found if len(line) <= LONGEST_LINE]


def payloads(name: str) -> list[bytes]:
    """The signed text of every line that has one, each once."""
    found: dict[bytes, None] = {}
    for line in lines(name):
        try:
            found[split(line).payload] = None
        except Unverified:
            continue
    return list(found)
