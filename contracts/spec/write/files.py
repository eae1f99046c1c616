"""Which files are generated, and with what content."""

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[1]
"""contracts/spec."""


def generated() -> Mapping[str, str]:
    """Every generated file: its path below `FOLDER`, and its whole text."""
    return {}
