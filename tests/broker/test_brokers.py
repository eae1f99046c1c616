"""The broker that the tests run on, and a virtual host for each of them."""

import pytest

from toolwire.broker.errors import AccessDenied
from toolwire.broker.publish import Publisher
from toolwire.testing.brokers import Broker


def test_a_broker_tells_its_version(broker: Broker) -> None:
    assert broker.version is not None
    assert str(broker).startswith(f"RabbitMQ {broker.version}, ")


async def test_a_virtual_host_is_there_for_as_long_as_its_block(broker: Broker) -> None:
    if broker.management is None:
        with broker.virtual_host() as url:
            assert url == broker.url
        return
    with broker.virtual_host() as first, broker.virtual_host() as second:
        assert first != second
        async with Publisher([first], name="here") as publisher:
            await publisher.wait_connected(15)
    async with Publisher([first], name="gone") as publisher:
        with pytest.raises(AccessDenied):
            await publisher.wait_connected(15)
