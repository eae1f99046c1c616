"""One run of a tool, as it is told: started, under a span, and over."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from toolwire.client.clock import now_ms
from toolwire.client.tracing import Processed, Spot, processing
from toolwire.contracts.envelopes import Trace
from toolwire.services.store.port import Record
from toolwire.services.telemetry.signals import Signals, Whom


@contextmanager
def told_run(
    signals: Signals,
    whom: Whom,
    *,
    server_id: str,
    replica: str,
    attempt: int,
    waited_s: float,
    trace: Trace | None,
) -> Generator[Spot]:
    """Tell of the run that goes on in here."""
    about = Processed(
        server_id, whom.tool, replica, whom.request_id, whom.client_id, attempt=attempt, job_id=whom.job_id
    )
    signals.started(whom, attempt, waited_s)
    began = time.monotonic()
    try:
        with processing(about, trace) as spot:
            yield spot
    finally:
        signals.ran(whom, time.monotonic() - began)


def waited_s(record: Record) -> float:
    """How long a record waited for this attempt: since its client signed it, or since it was due."""
    if record.kind == "call" and record.attempt == 1:
        return since(record.address.asked_ms)
    return max(0, (record.started_ms or record.due_ms) - record.due_ms) / 1000


def since(ts_ms: int) -> float:
    """How long ago a client signed, in seconds. Its clock may be ahead of ours."""
    return max(0, now_ms() - ts_ms) / 1000
