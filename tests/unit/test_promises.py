"""Promises and tests are bound both ways: each promise has tests, and no test claims one that nobody made."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.promises import PROMISES

TESTS = Path(__file__).parents[1]


def promises_claimed(source: str) -> Iterator[str]:
    """Yield the names in every `promise("P1", "P4")` mark: on functions, classes and whole modules alike."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
            yield from (str(ast.literal_eval(argument)) for argument in node.args)


@pytest.fixture(scope="module")
def claims() -> dict[str, list[str]]:
    """Map each promise that is claimed to the files that claim it."""
    found: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for name in promises_claimed(file.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(str(file.relative_to(TESTS)))
    return found


@pytest.mark.parametrize("name", PROMISES)
def test_every_promise_has_a_test(name: str, claims: dict[str, list[str]]) -> None:
    assert name in claims, f'no test is marked @pytest.mark.promise("{name}"): {PROMISES[name]}'


def test_no_test_claims_an_unknown_promise(claims: dict[str, list[str]]) -> None:
    unknown = {name: files for name, files in claims.items() if name not in PROMISES}
    assert not unknown, f"not in tests/promises.py: {unknown}"


def test_marks_are_found_wherever_pytest_allows_them() -> None:
    source = """
pytestmark = pytest.mark.promise("A")

@pytest.mark.promise("B", "C")
class TestSomething:
    @pytest.mark.promise("D")
    async def test_it(self): ...
"""
    assert set(promises_claimed(source)) == {"A", "B", "C", "D"}
