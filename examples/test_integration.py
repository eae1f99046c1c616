"""A test of your own: pytest runs the service that the marker names, on a real RabbitMQ, and opens a client.

To run it:

    pytest examples/test_integration.py
"""

import pytest

from examples.service import Parcel, look_up, pack, service
from toolwire.client import Client, ToolFailed
from toolwire.testing import in_memory

pytestmark = pytest.mark.toolwire(service)


async def test_a_parcel_is_packed(toolwire_client: Client) -> None:
    job = await toolwire_client.submit(pack, item="ruler", count=2)
    assert await job.result() == Parcel(item="ruler", count=2)


async def test_an_unknown_item_is_told_with_one_that_is_known(toolwire_client: Client) -> None:
    with pytest.raises(ToolFailed) as said:
        await toolwire_client.call(look_up, item="pencl")
    assert (said.value.reason, said.value.data) == ("unknown_item", {"item": "pencil"})


async def test_without_a_broker() -> None:
    """The same, with signatures, store and all; only RabbitMQ is played. It takes milliseconds."""
    async with in_memory(service) as client:
        assert (await client.call(look_up, item="ruler")).unit_price == 2
