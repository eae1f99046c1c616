"""One run of a tool, as it is told: started, under a span, and over."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from toolwire.client.clock import now_ms
from toolwire.client.tracing import Processed, Spot, is_in_use, processing
from toolwire.contracts.envelopes import Trace
from toolwire.services.store.port import Record
from toolwire.services.telemetry.signals import Signals, Whom


def told_run(
    signals: Signals,
    whom: Whom,
    *,
    server_id: str,
    replica: str,
    attempt: int,
    waited_s: float,
    trace: Trace | None,
) -> "ToldRun":
    """Tell of the run that goes on in here."""
    span: AbstractContextManager[Spot] | None = None
    if is_in_use():
        about = Processed(
            server_id,
            whom.tool,
            replica,
            whom.request_id,
            whom.client_id,
            attempt=attempt,
            job_id=whom.job_id,
        )
        span = processing(about, trace)
    return ToldRun(signals, whom, attempt, waited_s, span)


class ToldRun:
    """Not a generator's context: this is done for every call, and takes a third of the time."""

    __slots__ = ("_attempt", "_began", "_signals", "_span", "_spot", "_waited_s", "_whom")

    def __init__(
        self,
        signals: Signals,
        whom: Whom,
        attempt: int,
        waited_s: float,
        span: AbstractContextManager[Spot] | None,
    ) -> None:
        self._signals = signals
        self._whom = whom
        self._attempt = attempt
        self._waited_s = waited_s
        self._span = span
        self._spot: Spot | None = None
        self._began = 0.0

    def __enter__(self) -> Self:
        self._signals.started(self._whom, self._attempt, self._waited_s)
        self._began = time.monotonic()
        if self._span is not None:
            self._spot = self._span.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._span is not None:
                self._span.__exit__(kind, error, trace)
        finally:
            self._signals.ran(self._whom, time.monotonic() - self._began)

    def failed(self, why: str) -> None:
        """Note an error in the span: its code or its class, never its text."""
        if self._spot is not None:
            self._spot.failed(why)


def waited_s(record: Record) -> float:
    """How long a record waited for this attempt: since its client signed it, or since it was due."""
    if record.kind == "call" and record.attempt == 1:
        return since(record.address.asked_ms)
    return max(0, (record.started_ms or record.due_ms) - record.due_ms) / 1000


def since(ts_ms: int) -> float:
    """How long ago a client signed, in seconds. Its clock may be ahead of ours."""
    return max(0, now_ms() - ts_ms) / 1000
