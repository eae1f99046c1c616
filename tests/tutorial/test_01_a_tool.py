"""A tool is a typed function. Whoever may call it, calls it as if it were here."""

from tests.tutorial.conftest import Together
from toolwire.services import Service

service = Service("calculator")


@service.tool(read_only=True)
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_a_client_calls_a_tool_by_its_function(together: Together) -> None:
    """The arguments and the result have the function's own types, also for mypy and pyright."""
    async with together(service) as client:
        assert await client.call(add, a=1, b=2) == 3


async def test_a_client_without_the_code_calls_it_by_name(together: Together) -> None:
    """By name, the arguments are a mapping, and `returns` says what to read the result as."""
    async with together(service) as client:
        assert await client.call("add", {"a": 1, "b": 2}, returns=int) == 3


async def test_the_function_stays_a_function() -> None:
    """A unit test needs no broker: it awaits the function."""
    assert await add(1, 2) == 3
