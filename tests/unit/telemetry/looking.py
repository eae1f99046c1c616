"""A service to look into, and how its pages are read."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from toolwire.services import JobContext, Replica, Service, ToolError
from toolwire.testing.bench import Bench
from toolwire.testing.memory import MemoryBroker

SERVER = "server-1"
SOON = 5.0

Figures = Mapping[str, float]
"""Samples as they are written, such as `toolwire_calls_total{tool="add"}`, without those that are 0."""


class Gate:
    """Where tools wait, until the test opens it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def passed(self) -> None:
        """Wait here."""
        self.reached.set()
        await self.opened.wait()


def service_with(gate: Gate) -> Service[None]:
    """A service with a tool of each kind; those that wait do so at the gate."""
    service = Service(SERVER)

    @service.tool(read_only=True)
    async def add(a: int, b: int) -> int:
        return a + b

    @service.tool()
    async def charge(amount: int) -> int:
        if amount < 0:
            raise ToolError("negative")
        return amount

    @service.tool()
    async def wait() -> None:
        await gate.passed()

    @service.job(max_attempts=2)
    async def build(ctx: JobContext[None], falls: int = 0) -> int:
        if ctx.attempt <= falls:
            raise RuntimeError("a secret that no caller may see")
        return ctx.attempt

    @service.job()
    async def hold(ctx: JobContext[None]) -> None:
        await gate.passed()

    return service


def bench_for(gate: Gate, home: Path, http: str | None = "127.0.0.1:0", **settings: Any) -> Bench:
    """That service over a broker in memory, with pages."""
    return Bench(service_with(gate), home, MemoryBroker(), http=http, **settings)


@dataclass(frozen=True, slots=True)
class Got:
    """What a page answered."""

    status: int
    content_type: str
    body: str

    def json(self) -> Any:
        """Its body as JSON."""
        return json.loads(self.body)

    def figures(self) -> Figures:
        """Its body as samples."""
        told: dict[str, float] = {}
        for family in text_string_to_metric_families(self.body):
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                if sample.value:
                    told[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
        return told


def get(url: str, method: str = "GET", **headers: str) -> Got:
    """Ask for a page, and wait for it."""
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - our own page
    try:
        with urllib.request.urlopen(request, timeout=SOON) as answer:  # noqa: S310 - the same
            return Got(answer.status, answer.headers["Content-Type"], answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Got(error.code, error.headers["Content-Type"], error.read().decode())


async def page(replica: Replica, path: str, **headers: str) -> Got:
    """Ask a replica that runs in this event loop."""
    return await asyncio.to_thread(get, f"http://{replica.http}{path}", **headers)


async def is_ready(replica: Replica) -> bool:
    """Whether its page says that it takes requests; no, where it does not answer at all."""
    try:
        return (await page(replica, "/readyz")).status == 200
    except OSError:
        return False


def settled(told: Figures) -> Figures:
    """The figures that do not depend on how fast something went: no times, no events on their way."""
    moving = ("_seconds", "_outbox_", "_build_info")
    return {name: value for name, value in told.items() if not any(part in name for part in moving)}


async def figures(replica: Replica) -> Figures:
    """What it tells Prometheus, without what is 0 and without the figures of its process."""
    told = (await page(replica, "/metrics")).figures()
    return {name: value for name, value in told.items() if name.startswith("toolwire_")}
