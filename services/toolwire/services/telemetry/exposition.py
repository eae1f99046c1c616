"""One replica's registry, and how it is written for Prometheus. Needs prometheus-client."""

from collections.abc import Container, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from toolwire.services.telemetry.gauges import Asked, Gauges
from toolwire.services.telemetry.metrics import Metrics


class Exposed(NamedTuple):
    """A registry of a replica's own, and who fills it."""

    registry: CollectorRegistry
    metrics: Metrics

    def written(self, accept: str) -> tuple[bytes, str]:
        """The figures, and their content type."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # it stumbles over versions that are no numbers
            encode, content_type = choose_encoder("")
        return encode(_Plain(self.registry)), content_type


def exposed(server_id: str, replica: str, tools: Container[str], asked: Asked) -> Exposed:
    """A registry with all metrics: several replicas can live in one process, each with its own."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, tools)
    registry.register(Gauges(server_id, replica, asked))
    ProcessCollector(registry=registry)
    return Exposed(registry, metrics)


class _Plain(Collector):
    """Leaves out when each counter was made, which doubles the lines: `process_start_time_seconds` says."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @override
    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
