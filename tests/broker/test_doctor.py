"""`toolwire doctor` on a real broker: what is healthy is well, what is broken is named with its remedy."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import tomlkit

from tests.command_line import running, toolwire
from tests.served import SERVER
from tests.stage import CLIENTS, Stage
from toolwire.broker.look import State, look_at
from toolwire.broker.management import Management, ManagementError
from toolwire.broker.message import Outgoing
from toolwire.broker.publish import Publisher
from toolwire.broker.reach import Stage as Reach
from toolwire.broker.topology import call_queue, dead_queue, dead_route, junk_queue, junk_route
from toolwire.cli import exits
from toolwire.cli.dev_home import prepare_home, write_settings
from toolwire.cli.doctor.diagnosis import diagnose
from toolwire.cli.doctor.finding import Finding, Level, worst
from toolwire.cli.doctor.service import ask_service, judge_clock
from toolwire.cli.doctor.visit import read_areas
from toolwire.client.home import Home
from toolwire.client.settings import read_settings
from toolwire.services.demo import SERVER_ID
from toolwire.services.settings import ServiceSettings
from toolwire.services.store import open_store
from toolwire.testing.brokers import Broker

CALL = call_queue(SERVER).name


@pytest.fixture
def management(broker: Broker) -> Management:
    """The broker's management API, as its administrator."""
    if broker.management is None:
        pytest.skip("this broker's management API lets nobody administer it")
    return broker.management


@pytest.fixture
def narrow_url(stage: Stage, management: Management) -> Iterator[str]:
    """The stage's broker as a user that may do what a client needs, and nothing else."""
    name, parts = f"narrow-{secrets.token_hex(4)}", urlsplit(stage.url)
    own = rf"tw\.reply\.{CLIENTS[0]}\."
    rights = {"configure": f"^{own}", "write": rf"^(tw\.requests$|{own})", "read": rf"^(tw\.replies$|{own})"}
    management.request("PUT", f"/api/users/{name}", {"password": "narrow", "tags": ""})
    management.request("PUT", f"/api/permissions/{parts.path.removeprefix('/')}/{name}", rights)
    yield parts._replace(netloc=f"{name}:narrow@{parts.netloc.rpartition('@')[2]}").geturl()
    management.request("DELETE", f"/api/users/{name}")


async def examined(
    stage: Stage, management: Management | None = None, only: str | None = None, **but: Any
) -> list[Finding]:
    """What the doctor finds on a stage; `but` are settings."""
    given = {"home": stage.home.path, "broker_url": stage.url, "server": SERVER, "client": CLIENTS[0]}
    return await diagnose(given | but, management=management, areas=read_areas(only))


def found(findings: list[Finding], check: str) -> Finding:
    """The one finding of that check which is not ok; it has a remedy."""
    (finding,) = [each for each in findings if each.check == check and each.level is not Level.OK]
    assert finding.remedy or finding.level is Level.NOTE
    return finding


def virtual_host(stage: Stage) -> str:
    return quote(urlsplit(stage.url).path.removeprefix("/"), safe="")


async def test_a_healthy_system_is_well(stage: Stage, management: Management) -> None:
    async with stage.replicas(2):
        findings = await examined(stage, management)
    assert [finding for finding in findings if finding.level.rank > Level.NOTE.rank] == []
    well = {finding.check for finding in findings if finding.level is Level.OK}
    assert {
        *("registry", "keys", "signer", "pinned"),
        *("reached", "alarm", "nodes", "permissions"),
        *("exchanges", "queue", "replicas", "policies"),
        *("round_trip", "catalogue", "service_clock", "broker_clock"),
        *("jobs", "swept"),
    } <= well
    (told,) = [finding.what for finding in findings if finding.check == "replicas"]
    assert told == "2 replicas at work; waiting: 0 requests"


async def test_without_a_replica_it_says_so(stage: Stage) -> None:
    async with stage.replica():
        pass
    findings = await examined(stage, only="queues,service")
    assert "toolwire serve" in found(findings, "no_replica").remedy
    assert "`NoReplica`" in found(findings, "round_trip").remedy


async def test_a_server_that_never_ran_here_is_told(stage: Stage) -> None:
    findings = await examined(stage, only="queues,service")
    assert {finding.check for finding in findings if finding.level is Level.ERROR} == {
        *("exchange_missing", "queue_missing", "round_trip"),
    }


async def test_a_queue_that_was_declared_classic_is_told(stage: Stage, management: Management) -> None:
    path = f"/api/queues/{virtual_host(stage)}/{CALL}"
    management.request("PUT", path, {"durable": True, "arguments": {"x-queue-type": "classic"}})
    unaided = found(await examined(stage, only="queues"), "queue_declared_otherwise")
    assert "PRECONDITION_FAILED - inequivalent arg" in unaided.what
    otherwise = found(await examined(stage, management, only="queues"), "queue_declared_otherwise")
    assert "x-queue-type is classic, not quorum" in otherwise.what
    assert f"rabbitmqctl delete_queue -p {urlsplit(stage.url).path[1:]} {CALL} --if-empty" in otherwise.remedy


async def test_a_policy_that_lets_requests_vanish_is_told(stage: Stage, management: Management) -> None:
    policy = {"pattern": r"^tw\.call", "apply-to": "queues", "definition": {"expires": 3_600_000}}
    management.request("PUT", f"/api/policies/{virtual_host(stage)}/tidy", policy)
    async with stage.replica():
        findings = await examined(stage, management, only="queues")
    assert f"clear_policy -p {urlsplit(stage.url).path[1:]} tidy" in found(findings, "policy_expires").remedy


async def test_a_user_that_may_not_serve_is_told(
    stage: Stage, management: Management, narrow_url: str
) -> None:
    async with stage.replica():
        findings = await examined(stage, management, broker_url=narrow_url)
    lacking = [finding.what for finding in findings if finding.check == "permission"]
    assert any(what.startswith("write on tw.replies is missing: server") for what in lacking)
    assert not any(f"client {CLIENTS[0]}" in what for what in lacking), (
        "what it may do is enough for a client"
    )
    assert {finding.check for finding in findings if finding.level is Level.ERROR} == {"permission"}


async def test_who_may_not_ask_the_management_api_is_told_what_is_not_seen(
    stage: Stage, management: Management, narrow_url: str
) -> None:
    parts = urlsplit(narrow_url)
    own = Management(f"http://{parts.username}:{parts.password}@{management.where}")
    async with stage.replica():
        findings = await examined(stage, own, broker_url=narrow_url)
    assert worst(findings) is Level.NOTE
    assert "set_user_tags" in found(findings, "management").remedy
    for check in ("nodes", "permissions", "bindings", "policies", "broker_clock"):
        assert found(findings, check).what.startswith("not seen: ")


async def test_each_way_not_to_get_in_is_told_apart(stage: Stage) -> None:
    parts = urlsplit(stage.url)
    at = parts.netloc.rpartition("@")[2]
    ways = {
        parts._replace(netloc=f"nobody:wrong@{at}").geturl(): "no_login",
        parts._replace(path="/no-such-host").geturl(): "no_virtual_host",
        parts._replace(netloc="127.0.0.1:1").geturl(): "no_tcp",
        parts._replace(netloc="no-such-host.invalid").geturl(): "no_name",
        parts._replace(scheme="amqps").geturl(): "no_tls",
    }
    for url, check in ways.items():
        findings = await examined(stage, only="broker,service", broker_url=url)
        assert found(findings, check).level is Level.ERROR
        assert "the broker was not reached" in found(findings, "round_trip").what
        assert "wrong" not in "".join(finding.what + finding.remedy for finding in findings)


async def test_what_does_not_speak_amqp_is_told() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        look = await look_at([f"amqp://127.0.0.1:{port}/"], ())
    assert [reached.stage for reached in look.reached] == [Reach.AMQP]


async def test_one_url_of_several_is_enough(stage: Stage) -> None:
    findings = await examined(stage, only="broker", broker_url=("amqp://127.0.0.1:1/", stage.url))
    assert found(findings, "no_tcp").level is Level.WARNING
    assert any(finding.check == "reached" for finding in findings)


async def test_a_user_that_may_only_look_cannot_compare(stage: Stage, narrow_url: str) -> None:
    async with stage.replica():
        look = await look_at([narrow_url], [call_queue(SERVER)])
    (queue,) = look.queues
    assert queue.state in {State.THERE, State.FORBIDDEN}
    assert not queue.sure
    assert look.blocked is False


async def test_looking_makes_no_queue(stage: Stage, management: Management) -> None:
    await examined(stage, management, only="broker,permissions,queues")
    with pytest.raises(ManagementError) as raised:
        management.request("GET", f"/api/queues/{virtual_host(stage)}/{CALL}")
    assert raised.value.status == 404


async def test_what_was_put_aside_is_told(stage: Stage) -> None:
    async with Publisher(
        [stage.url], name="aside", declare=[dead_queue(SERVER), junk_queue(SERVER)]
    ) as publisher:
        for route in (dead_route(SERVER), junk_route(SERVER)):
            message = Outgoing(route, b"x", type="request", message_id=secrets.token_hex(8))
            await publisher.publish(message, timeout=15)
    findings = await examined(stage, only="queues")
    assert "toolwire dead list" in found(findings, "dead_letters").remedy
    assert "toolwire junk list" in found(findings, "junk").remedy


async def test_a_revoked_key_is_told(stage: Stage) -> None:
    async with stage.replica():
        registry = tomlkit.parse(stage.home.registry_file.read_text())
        registry["clients"][CLIENTS[0]]["keys"][0]["revoked"] = True
        stage.home.registry_file.write_text(tomlkit.dumps(registry))
        findings = await examined(stage, only="home,service")
    assert f"{CLIENTS[0]}.1 is revoked" in found(findings, "no_usable_key").what
    assert "`ConfigurationError`" in found(findings, "round_trip").remedy


async def test_a_lease_that_nobody_takes_over_is_told(stage: Stage) -> None:
    from tests.unit.store.given import request

    async with open_store(f"sqlite:///{stage.home.store_file}", SERVER) as store:
        await store.claim(request(), token="t", holder="lost", lease_ms=-3_600_000)
    findings = await examined(stage, only="store")
    assert "toolwire serve" in found(findings, "expired_leases").remedy


async def test_clocks_that_differ_are_told(stage: Stage) -> None:
    settings = read_settings(ServiceSettings, home=stage.home.path, broker_url=stage.url)
    async with stage.replica():
        answer = await ask_service(settings, CLIENTS[0], SERVER)
    assert [finding.level for finding in judge_clock(SERVER, answer)] == [Level.OK]
    late = replace(answer, sent_ms=answer.sent_ms - 40_000, received_ms=answer.received_ms - 40_000)
    (finding,) = judge_clock(SERVER, late)
    assert finding.level is Level.ERROR
    assert "40.0 s ahead of ours" in finding.what


def test_the_command_itself(vhost_url: str, tmp_path: Path) -> None:
    home = Home(os.environ["TOOLWIRE_HOME"])
    prepare_home(home, SERVER_ID)
    write_settings(home, SERVER_ID, vhost_url)
    with running("serve", "toolwire.services.demo:service", folder=tmp_path) as replica:
        replica.wait_for("is ready")
        well = toolwire("doctor", "--json", "--only", "service,queues", folder=tmp_path)
        assert (well.code, well.err) == (exits.OK, ""), well.out
        assert well.json()["counts"]["error"] == 0
    ill = toolwire("doctor", "--only", "service", folder=tmp_path)
    assert ill.code == exits.FAILED
    assert f"  error    server {SERVER_ID}: a signed call failed: no replica of " in ill.out
    assert ill.out.splitlines()[-1].startswith("1 error, ")
