"""How a replica and its store stand, as gauges that are read when somebody looks."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from toolwire.services.store.port import Counts
from toolwire.services.telemetry.look import Look

Asked = Callable[[], tuple[Look, Counts | None] | None]
"""How the replica stands, and its store where that answers; None while the replica starts."""


@dataclass(frozen=True, slots=True)
class OfReplica:
    """A gauge about one replica."""

    name: str
    text: str
    read: Callable[[Look], float]


OF_REPLICA = (
    OfReplica("ready", "1 where a request that arrives now would be handled, else 0.", lambda it: it.ready),
    OfReplica("store_up", "0 while the store is away, else 1.", lambda it: not it.watch.away),
    OfReplica("calls_running", "Calls that occupy a place of this replica.", lambda it: it.calls.running),
    OfReplica("call_places", "Calls that this replica runs at the same time.", lambda it: it.calls.places),
    OfReplica("jobs_running", "Jobs that occupy a slot of this replica.", lambda it: it.runner.running),
    OfReplica("job_slots", "Jobs that this replica runs at the same time.", lambda it: it.runner.slots),
    OfReplica(
        "abandoned_threads", "Sync tools that nobody waits for any more.", lambda it: it.threads.abandoned
    ),
    OfReplica(
        "outbox_waiting", "Events and answers that wait in this replica.", lambda it: it.outbox.waiting
    ),
)

OF_STORE = {
    "jobs": "Jobs of the server that are not over.",
    "oldest_waiting_job_seconds": "For how long the job that waits longest has been due; 0 where none waits.",
    "job_silence_seconds": "For how long the most silent of the running jobs has told nothing.",
    "outbox_unsent": "Events and answers of the server that no replica has sent yet.",
}
BUILD_INFO = "build_info"


class Gauges(Collector):
    """Reads the gauges at each scrape."""

    def __init__(self, server_id: str, replica: str, asked: Asked) -> None:
        self._about = [server_id, replica, version("toolwire"), platform.python_version()]
        self._asked = asked

    @override
    def collect(self) -> Iterator[Metric]:
        info = _gauge(BUILD_INFO, "1; what runs here.", ["server", "replica", "version", "python"])
        info.add_metric(self._about, 1)
        yield info
        standing = self._asked()
        if standing is None:
            return
        look, counts = standing
        for gauge in OF_REPLICA:
            family = _gauge(gauge.name, gauge.text)
            family.add_metric([], gauge.read(look))
            yield family
        if counts is not None:
            yield from _of_store(counts)


def _of_store(counts: Counts) -> Iterator[Metric]:
    jobs = _gauge("jobs", OF_STORE["jobs"], ["status"])
    for status, number in counts.jobs.items():
        jobs.add_metric([status.value], number)
    yield jobs
    values = {
        "oldest_waiting_job_seconds": counts.oldest_waiting_ms / 1000,
        "job_silence_seconds": counts.longest_silence_ms / 1000,
        "outbox_unsent": counts.unsent,
    }
    for name, value in values.items():
        family = _gauge(name, OF_STORE[name])
        family.add_metric([], value)
        yield family


def _gauge(name: str, text: str, labels: list[str] | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"toolwire_{name}", text, labels=labels or [])
