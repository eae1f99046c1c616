"""Hostile events and cut connections: a watcher sees what the server signed for it, and goes on."""

import secrets
from collections import Counter
from typing import Any

import pytest

from tests.adversity.forger import LINES, content
from tests.adversity.lies import OTHER_SERVER
from tests.adversity.raw_amqp import POISONS, RawPublisher, RefusedByBroker
from tests.adversity.tcp_proxy import TcpProxy
from tests.broker.test_watching import next_of, watcher
from tests.served import SERVER
from tests.stage import CLIENTS, HMAC_CLIENT, PATIENCE_S, Stage
from tests.unit.contracts import samples
from tests.waiting import wait_until
from toolwire.broker.topology import EVENTS, event_key
from toolwire.contracts.keys import Ed25519Signer
from toolwire.contracts.sealing import seal
from toolwire.services.homes.provision import add_server

OWNER, WATCHER = CLIENTS
KEY = event_key(OWNER, SERVER, "bake", "progress").encode()


def line(signer: Any, **changes: Any) -> bytes:
    """An event of the owner's job, or what `changes` make of it, signed by that key."""
    return seal(samples.event(**{"client_id": OWNER, "server_id": SERVER, **changes}), signer)


def numbered(seq: int) -> dict[str, Any]:
    """The job's snapshot at that event."""
    return {"data": samples.snapshot(seq=seq)}


@pytest.mark.promise("P1", "P6", "P9")
async def test_no_lie_is_seen_and_none_costs_the_watch(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    add_server(stage.home, OTHER_SERVER)
    server, other = stage.home.server_signer(SERVER), stage.home.server_signer(OTHER_SERVER)
    forger = Ed25519Signer(server.kid, secrets.token_bytes(32))
    secret = stage.home.client_signer(HMAC_CLIENT, server_id=SERVER)
    lies = {
        line(forger): "bad_signature",
        line(other): "foreign_key",
        line(stage.home.client_signer(WATCHER)): "unknown_key",
        line(secret): "unknown_key",
        line(server, client_id=HMAC_CLIENT): "not_granted",
        line(server, client_id="nobody"): "not_granted",
        samples.event().payload().encode(): "bad_envelope",
        b"": "bad_lines",
        line(server) + b"\r": "bad_lines",
    }
    truth = [line(server, **numbered(seq)) for seq in (5, 6, 7)]
    async with watcher(stage, OWNER) as client, RawPublisher(stage.url) as raw:
        async with client.watch("desk", clients=[OWNER]) as watching:
            for lie in lies:
                await raw.publish(EVENTS, KEY, LINES, lie)
            await raw.publish(EVENTS, KEY, content(b"text/plain"), truth[0])
            # Good ones among bad lines, the first of them twice.
            await raw.publish(
                EVENTS, KEY, LINES, b"\n".join([b"{}", truth[0], line(other), truth[0], truth[1]])
            )
            await raw.publish(EVENTS, KEY, LINES, truth[2])
            assert [(await next_of(watching)).snapshot.seq for _ in truth] == [5, 6, 7]
        assert Counter(client.dropped) == Counter(
            [*lies.values(), "bad_content_type", "bad_envelope", "foreign_key", "duplicate"]
        )
    assert [record for record in caplog.records if record.name == "toolwire.broker"] == []


@pytest.mark.promise("P9")
async def test_a_poisoned_message_costs_itself(stage: Stage) -> None:
    """Properties that the AMQP library cannot decode, on the watcher's own connection."""
    server = stage.home.server_signer(SERVER)
    poisons = [poison.properties for poison in POISONS.values() if poison.key == b"tool"]
    async with (
        TcpProxy(stage.url) as proxy,
        stage.client(OWNER, broker=proxy.url) as client,
        client.watch("desk") as watching,
    ):
        connections = proxy.accepted
        for properties in poisons:
            async with RawPublisher(stage.url) as raw:
                try:
                    await raw.publish(EVENTS, KEY, properties, line(server))
                except RefusedByBroker:
                    continue
        async with RawPublisher(stage.url) as raw:
            await raw.publish(EVENTS, KEY, LINES, line(server, **numbered(9)))
        assert (await next_of(watching)).snapshot.seq == 9
        assert set(client.dropped) == {"malformed_properties", "bad_content_type"}
        assert proxy.accepted == connections


@pytest.mark.promise("P8")
async def test_a_watcher_whose_connection_is_cut_goes_on(stage: Stage) -> None:
    """What it had in hand is not repeated to it, what came while it was away is told."""
    server = stage.home.server_signer(SERVER)
    async with (
        TcpProxy(stage.url) as proxy,
        stage.client(OWNER, broker=proxy.url) as client,
        client.watch("desk") as watching,
        RawPublisher(stage.url) as raw,
    ):
        for seq in (1, 2, 3):
            await raw.publish(EVENTS, KEY, LINES, line(server, **numbered(seq)))
        assert (await next_of(watching)).snapshot.seq == 1
        proxy.refuse()
        await raw.publish(EVENTS, KEY, LINES, line(server, **numbered(4)))
        proxy.accept()
        seen = [(await next_of(watching)).snapshot.seq for _ in range(3)]
        assert sorted(seen) == [2, 3, 4]
        await wait_until(lambda: client.dropped["duplicate"], PATIENCE_S, "the event in hand dropped")
