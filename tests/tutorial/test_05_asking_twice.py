"""The request id is the idempotency key: asking twice runs once."""

import pytest

from tests.tutorial.conftest import Together
from toolwire.client import RequestIdConflict
from toolwire.services import Service

service = Service("bookshop")
orders: list[str] = []


@service.tool()
async def order(book: str) -> int:
    """Order a book, and give the order's number."""
    orders.append(book)
    return len(orders)


@pytest.fixture(autouse=True)
def no_orders() -> None:
    """Every test starts with an empty order book."""
    orders.clear()


async def test_asking_again_gives_the_stored_answer(together: Together) -> None:
    """A program that was restarted, and does not know whether it asked, asks again under the same id."""
    async with together(service) as client:
        this = client.options(request_id="order-17")
        assert [await this.call(order, book="Emma") for _ in range(2)] == [1, 1]
    assert orders == ["Emma"]


async def test_another_meaning_under_the_same_id_is_a_conflict(together: Together) -> None:
    """An id that was used for one thing cannot be used for another."""
    async with together(service) as client:
        this = client.options(request_id="order-17")
        assert await this.call(order, book="Emma") == 1
        with pytest.raises(RequestIdConflict):
            await this.call(order, book="Persuasion")
    assert orders == ["Emma"]
