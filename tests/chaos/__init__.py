"""Long runs that break things on purpose, outside the test suite: `python -m tests.chaos`."""
