"""What a replica says of itself while its broker is away."""

import logging

import pytest

from tests.adversity.tcp_proxy import TcpProxy
from tests.served import add
from tests.stage import PATIENCE_S, Stage
from tests.unit.telemetry.looking import figures, is_ready, page
from tests.waiting import wait_until_told
from toolwire.services import Replica


@pytest.mark.promise("P7")
async def test_a_replica_without_its_broker_is_alive_and_not_ready(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not to be restarted for it: it connects again, and says so."""
    caplog.set_level(logging.INFO, logger="toolwire.services")
    async with (
        TcpProxy(stage.url) as proxy,
        stage.replica(broker_url=proxy.url, http="127.0.0.1:0") as replica,
        stage.client() as client,
    ):
        proxy.refuse()
        # Each of the two connections notices by itself: the first one alone makes it not ready.
        await wait_until_told(lambda: has_stopped_consuming(replica), PATIENCE_S, "the loss is noticed")
        told = await page(replica, "/readyz")
        assert told.status == 503
        checks = told.json()["checks"]
        assert checks["store"] == {"ok": True}
        assert (await page(replica, "/healthz")).status == 200
        assert "toolwire_ready" not in await figures(replica), "it is 0"
        proxy.accept()
        await wait_until_told(lambda: is_ready(replica), PATIENCE_S, "it is connected again")
        assert (await client.call(add, [1])).total == 1
        counted = await figures(replica)
    assert counted['toolwire_reconnects_total{link="publish"}'] == 1
    assert counted['toolwire_reconnects_total{link="consume"}'] == 1
    events = [getattr(record, "event", None) for record in caplog.records]
    assert events.count("reconnected") == 2


async def has_stopped_consuming(replica: Replica) -> bool:
    return "detail" in (await page(replica, "/readyz")).json()["checks"]["consuming"]
