"""Figures: exact after a known story, and with labels that nobody outside chooses."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.unit.telemetry.looking import SOON, Gate, bench_for, figures, page, settled
from toolwire.client import Job, RemoteError
from toolwire.contracts.errors import Code
from toolwire.contracts.jobs import Status
from toolwire.services.telemetry.metrics import JUNK_REASONS, OTHER, Metrics
from toolwire.services.telemetry.signals import Whom

SOURCES = Path(__file__).parents[3]


async def test_the_figures_of_a_known_story(tmp_path: Path) -> None:
    gate = Gate()
    bench = bench_for(gate, tmp_path, places=2, job_slots=1)
    async with bench.running() as replica, bench.client() as client:
        for number in range(3):
            await client.call("add", {"a": 1, "b": number})
        await client.call("charge", {"amount": 1})
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("charge", {"amount": -1}),
            ("add", {"a": "x", "b": 1}),
            ("no_such", {}),
        ]
        for tool, args in wrong:
            with pytest.raises(RemoteError):
                await client.call(tool, args)
        first: Job[object] = await client.submit("hold")
        await gate.reached.wait()
        second: Job[object] = await client.submit("build")
        third: Job[object] = await client.submit("build")
        await third.cancel()
        told = await figures(replica)
        assert settled(told) == {
            'toolwire_calls_total{outcome="ok",tool="add"}': 3,
            'toolwire_calls_total{outcome="ok",tool="cancel_job"}': 1,
            'toolwire_calls_total{outcome="ok",tool="charge"}': 1,
            'toolwire_calls_total{outcome="tool_error",tool="charge"}': 1,
            'toolwire_refusals_total{code="invalid_args"}': 1,
            'toolwire_refusals_total{code="tool_not_available"}': 1,
            'toolwire_jobs_accepted_total{tool="build"}': 2,
            'toolwire_jobs_accepted_total{tool="hold"}': 1,
            'toolwire_jobs_ended_total{code="cancelled",status="cancelled",tool="build"}': 1,
            'toolwire_cancels_total{tool="build"}': 1,
            'toolwire_jobs{status="accepted"}': 1,
            'toolwire_jobs{status="running"}': 1,
            "toolwire_ready": 1,
            "toolwire_store_up": 1,
            "toolwire_call_places": 2,
            "toolwire_job_slots": 1,
            "toolwire_jobs_running": 1,
        }
        assert told["toolwire_request_wait_seconds_count"] == 6
        assert told['toolwire_call_duration_seconds_count{tool="charge"}'] == 2
        assert told['toolwire_job_wait_seconds_count{tool="hold"}'] == 1
        assert told["toolwire_oldest_waiting_job_seconds"] >= 0
        gate.opened.set()
        await first.result(timeout=SOON)
        await second.result(timeout=SOON)
        told = await figures(replica)
        assert told['toolwire_jobs_ended_total{code="ok",status="done",tool="hold"}'] == 1
        assert told['toolwire_job_duration_seconds_count{tool="build"}'] == 1


async def test_a_retry_is_counted_and_so_is_a_taken_place(tmp_path: Path) -> None:
    gate = Gate()
    bench = bench_for(gate, tmp_path)
    async with bench.running() as replica, bench.client() as client:
        waiting = asyncio.ensure_future(client.call("wait"))
        await gate.reached.wait()
        assert (await figures(replica))["toolwire_calls_running"] == 1
        gate.opened.set()
        await waiting
        job: Job[object] = await client.submit("build", {"falls": 1})
        assert await job.result(timeout=SOON) == 2
        told = await figures(replica)
        assert told['toolwire_retries_total{tool="build"}'] == 1
        assert told['toolwire_job_duration_seconds_count{tool="build"}'] == 2
        assert "toolwire_calls_running" not in told


async def test_each_replica_has_its_own_figures(tmp_path: Path) -> None:
    bench = bench_for(Gate(), tmp_path)
    async with bench.replica() as one, bench.replica() as other, bench.client() as client:
        for number in range(8):
            await client.call("add", {"a": 1, "b": number})
        told = [await figures(one), await figures(other)]
    added = [each.get('toolwire_calls_total{outcome="ok",tool="add"}', 0) for each in told]
    assert sum(added) == 8
    info = [[name for name in each if "build_info" in name] for each in told]
    assert f'replica="{one.name}"' in info[0][0]
    assert f'replica="{other.name}"' in info[1][0]


async def test_the_store_is_not_asked_again_for_some_seconds(tmp_path: Path) -> None:
    bench = bench_for(gate := Gate(), tmp_path)
    async with bench.running() as replica, bench.client() as client:
        assert "toolwire_jobs" not in str(await figures(replica))
        await client.submit("hold")
        await gate.reached.wait()
        assert 'toolwire_jobs{status="running"}' not in await figures(replica)
        gate.opened.set()


async def test_a_scraper_may_ask_for_open_metrics(tmp_path: Path) -> None:
    bench = bench_for(Gate(), tmp_path)
    async with bench.running() as replica:
        plain = await page(replica, "/metrics")
        assert plain.content_type.startswith("text/plain; version=0.0.4")
        got = await page(replica, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert got.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert got.body.endswith("# EOF\n")
    assert "_created" not in got.body + plain.body


async def test_without_prometheus_client_only_the_figures_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    bench = bench_for(Gate(), tmp_path)
    async with bench.running() as replica:
        got = await page(replica, "/metrics")
        assert (got.status, got.body) == (
            501,
            "metrics need prometheus-client: pip install 'toolwire[metrics]'\n",
        )
        assert (await page(replica, "/readyz")).status == 200


def test_a_tool_that_is_not_here_is_other() -> None:
    """An older release may have accepted its jobs; what a client makes up is refused before."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, {"add"})
    for number in range(100):
        metrics.settled(Whom("client-1", "request-1", f"tool-{number}"), Status.ERROR, Code.INTERNAL)
    written = generate_latest(registry).decode()
    assert f'toolwire_calls_total{{outcome="internal",tool="{OTHER}"}} 100.0' in written
    assert "tool-1" not in written


def test_a_job_that_broke_is_told_from_one_that_said_no() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, {"build"})
    for code in (Code.INTERNAL, Code.TOOL_ERROR):
        metrics.settled(Whom("client-1", "request-1", "build", "job-1"), Status.ERROR, code)
    written = generate_latest(registry).decode()
    for code in (Code.INTERNAL, Code.TOOL_ERROR):
        assert f'toolwire_jobs_ended_total{{code="{code}",status="error",tool="build"}} 1.0' in written


def test_every_reason_for_junk_begins_at_zero() -> None:
    """Each is written where a message is refused as `Unverified`."""
    sources = [*SOURCES.glob("contracts/**/*.py"), SOURCES / "services/toolwire/services/requests/intake.py"]
    texts = [source.read_text(encoding="utf-8") for source in sources]
    raised = {word for text in texts for word in re.findall(r'raise Unverified\("(\w+)"\)', text)}
    keys = (SOURCES / "contracts/toolwire/contracts/keys.py").read_text(encoding="utf-8")
    raised |= set(re.findall(r'return "(\w*key\w*)"', keys))
    assert raised | {"control"} == set(JUNK_REASONS)


def test_junk_is_counted_by_reason() -> None:
    """All of it, however few lines are logged of it."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, ())
    for _ in range(100):
        metrics.junk("bad_signature", 10, "key")
    assert 'toolwire_junk_total{reason="bad_signature"} 100.0' in generate_latest(registry).decode()
    assert 'toolwire_junk_total{reason="unknown_key"} 0.0' in generate_latest(registry).decode()
