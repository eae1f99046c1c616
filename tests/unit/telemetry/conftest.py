"""The spans of these tests."""

from tests.spans import spans

__all__ = ["spans"]
