"""A tool says no with `ToolError`; anything else that it raises stays inside."""

import pytest

from tests.tutorial.conftest import Together
from toolwire.client import InternalError, ToolFailed
from toolwire.services import Service, ToolError

service = Service("shop")


@service.tool()
async def pay(card: str) -> str:
    """Charge a card."""
    if card == "empty":
        raise ToolError("card_declined", "The card was declined.", {"left": 0})
    return f"charged {card[0]}…{1 / len(card.strip())}"


async def test_a_tool_error_reaches_the_caller(together: Together) -> None:
    """The reason is for programs, the message for people, the data for both."""
    async with together(service) as client:
        with pytest.raises(ToolFailed) as caught:
            await client.call(pay, card="empty")
    assert (caught.value.reason, caught.value.message) == ("card_declined", "The card was declined.")
    assert caught.value.data == {"left": 0}


async def test_any_other_exception_does_not(together: Together) -> None:
    """The caller gets an id; the operator finds it in the log, with the traceback."""
    async with together(service) as client:
        with pytest.raises(InternalError) as caught:
            await client.call(pay, card=" ")
    assert caught.value.data is not None
    assert list(caught.value.data) == ["error_id"]
    assert "division" not in str(caught.value)
