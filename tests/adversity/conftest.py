"""The stage of the end-to-end tests."""

from tests.stage import stage

__all__ = ["stage"]
