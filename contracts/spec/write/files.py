"""Which files are generated, and with what content."""

from collections.abc import Mapping
from pathlib import Path

from spec.write.asyncapi import asyncapi_file
from spec.write.schemas import schema_files
from spec.write.vectors import vector_files

FOLDER = Path(__file__).parents[1]
"""contracts/spec."""


def generated() -> Mapping[str, str]:
    """Every generated file: its path below `FOLDER`, and its whole text."""
    return {
        **asyncapi_file(),
        **schema_files(),
        **vector_files(),
    }
