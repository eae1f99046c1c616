"""A look inside over a real broker: figures after a known story, a trace over replicas, lines as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import get_tracer

from tests.adversity.forger import LINES, Forger
from tests.adversity.raw_amqp import RawPublisher
from tests.command_line import Running, running, toolwire
from tests.served import SERVER, Made, add, book, brew
from tests.spans import Spans, ids, parent, spans
from tests.stage import CLIENTS, PATIENCE_S, Stage
from tests.unit.telemetry.looking import figures, get, settled
from tests.waiting import wait_until_told
from toolwire.broker.topology import REQUESTS, request_key
from toolwire.cli import exits
from toolwire.cli.dev_home import prepare_home, write_settings
from toolwire.client import Job, RemoteError, SyncClient
from toolwire.client.home import Home
from toolwire.services import Replica

__all__ = ["spans"]

BOOK = request_key(SERVER, "book").encode()


async def is_at_rest(replica: Replica) -> bool:
    """A call keeps its place until the broker has confirmed its answer, which its caller may have before."""
    return not {"toolwire_calls_running", "toolwire_jobs_running"} & (await figures(replica)).keys()


async def test_a_scrape_tells_what_happened(stage: Stage) -> None:
    """A client's work, an attacker's, and that of a replica that was lost."""
    forger = Forger(stage)
    async with stage.client() as client, RawPublisher(stage.url) as raw:
        async with stage.process(http="127.0.0.1:0") as doomed:
            job: Job[Made] = await client.submit(brew, "gate")
            await stage.noted("brew gate 1")
            await doomed.kill()
        stage.diary.open("gate")
        async with stage.replica(http="127.0.0.1:0") as replica:
            assert (await job.result(timeout=PATIENCE_S)).attempt == 2
            for number in range(3):
                await client.call(add, [number])
            once = client.options(request_id="order-1")
            assert [await once.call(book, "table") for _ in range(2)] == [1 + 3, 1 + 3]
            with pytest.raises(RemoteError):
                await once.call(book, "chair")
            for signer in (forger.impostor, forger.impostor, forger.stranger):
                await raw.publish(REQUESTS, BOOK, LINES, forger.line(signer))
            await client.call(add, [1])
            await wait_until_told(lambda: is_at_rest(replica), PATIENCE_S, "all calls gave back their places")
            told = await figures(replica)
    assert settled(told) == {
        'toolwire_calls_total{outcome="ok",tool="add"}': 4,
        'toolwire_calls_total{outcome="ok",tool="book"}': 1,
        'toolwire_repeated_requests_total{how="stored"}': 1,
        'toolwire_refusals_total{code="request_id_conflict"}': 1,
        'toolwire_takeovers_total{status="accepted"}': 1,
        'toolwire_jobs_ended_total{code="ok",status="done",tool="brew"}': 1,
        'toolwire_junk_total{reason="bad_signature"}': 2,
        'toolwire_junk_total{reason="unknown_key"}': 1,
        "toolwire_ready": 1,
        "toolwire_store_up": 1,
        "toolwire_call_places": 32,
        "toolwire_job_slots": 4,
    }
    assert told['toolwire_job_duration_seconds_count{tool="brew"}'] == 1


async def test_a_trace_goes_from_the_client_over_two_replicas(stage: Stage, spans: Spans) -> None:
    async with stage.client() as client:
        async with stage.replica(grace_s=0.1) as first:
            job: Job[Made] = await client.submit(brew, "gate")
            await stage.noted("brew gate 1")
        stage.diary.open("gate")
        async with stage.replica() as second:
            assert (await job.result(timeout=PATIENCE_S)).attempt == 2
    sent = spans.one("send brew")
    runs = spans.all("process brew")
    assert [parent(run) for run in runs] == [ids(sent)] * 2
    ran = [run.attributes or {} for run in runs]
    assert [each["messaging.client.id"] for each in ran] == [first.name, second.name]
    assert [each["toolwire.attempt"] for each in ran] == [1, 2]
    assert [each.get("error.type") for each in ran] == ["draining", None]


async def test_a_program_that_blocks_has_its_calls_in_its_trace(stage: Stage, spans: Spans) -> None:
    """The client's own thread knows where the caller is."""

    def ask() -> None:
        settings: dict[str, Any] = {"server": SERVER, "broker": stage.url, "home": stage.home.path}
        agent = get_tracer("agent").start_as_current_span("agent")
        with SyncClient(CLIENTS[0], **settings) as client, agent:
            client.call(add, [1])

    async with stage.replica():
        await asyncio.to_thread(ask)
    assert parent(spans.one("send add")) == ids(spans.one("agent"))
    assert parent(spans.one("process add")) == ids(spans.one("send add"))


APP = '''
from toolwire.services import Service

service = Service("server-1")

@service.tool(read_only=True)
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
'''


def events(replica: Running) -> list[dict[str, object]]:
    """What it has logged so far: every line is an object."""
    return [json.loads(line) for line in replica.text.splitlines()]


def test_a_served_replica_speaks_to_programs(vhost_url: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    home = Home(os.environ["TOOLWIRE_HOME"])
    prepare_home(home, "server-1")
    write_settings(home, "server-1", vhost_url)
    words = ("serve", "app:service", "--http", "127.0.0.1:0", "--log-format", "json")
    with running(*words, folder=tmp_path) as replica:
        replica.wait_for("is ready")
        assert toolwire("call", "add", "a=1", "b=x", folder=tmp_path).code == exits.FAILED
        replica.wait_for('"refused"')
        [url] = [str(each["message"]).split()[-1] for each in events(replica) if "/readyz" in str(each)]
        assert toolwire("health", url, folder=tmp_path).out == "ok\n"
        assert 'toolwire_refusals_total{code="invalid_args"} 1.0' in get(f"{url}/metrics").body
        replica.signal(signal.SIGTERM)
        assert replica.ended() == exits.OK
        [refused] = [each for each in events(replica) if each.get("event") == "refused"]
    assert (refused["level"], refused["tool"], refused["code"]) == ("info", "add", "invalid_args")
