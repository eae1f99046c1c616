"""Spans by OpenTelemetry's messaging conventions, and the place in a trace that a request carries, signed.

Only for programs that have OpenTelemetry's API loaded, as each has that records traces: for all others
nothing is imported and nothing done. Provider and exporter are the program's own affair.
https://opentelemetry.io/docs/specs/semconv/messaging/
"""

import logging
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from toolwire.broker.topology import REQUESTS, request_key
from toolwire.contracts.envelopes import Trace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

log = logging.getLogger("toolwire.client")

MOST_STATE = 512
"""Characters of `tracestate` that a request can carry. W3C lets a longer one be dropped."""

told_broken: set[str] = set()
"""What of tracing broke in this process: each is told once, for the next request would meet it again."""

Attributes = dict[str, str | int]


class Spot:
    """What goes on while a span is open; nothing, where nobody records."""

    def __init__(self, span: "Span | None" = None) -> None:
        self._span = span

    @property
    def trace(self) -> Trace | None:
        """This place in the trace, for a request to carry. None where there is no trace."""
        with _harmless("reading"):
            return None if self._span is None else _carried()
        return None

    def failed(self, why: str) -> None:
        """Note an error: its code or its class, never its text, which may hold what callers sent."""
        if self._span is None:
            return
        with _harmless("marking"):
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", why)
            self._span.set_status(Status(StatusCode.ERROR, why))


def is_in_use() -> bool:
    """Whether the program may record traces."""
    return "opentelemetry.trace" in sys.modules


@contextmanager
def sending(server_id: str, tool: str, request_id: str, client_id: str) -> Generator[Spot]:
    """The span of a request, from when it is asked until it is answered, below the current one."""
    if not is_in_use():
        yield Spot()
        return
    attributes = _attributes("send", server_id, tool, request_id, client_id)
    with _spanned(f"send {tool}", "PRODUCER", attributes, None) as spot:
        yield spot


@dataclass(frozen=True, slots=True)
class Processed:
    """A run of a tool, for its span."""

    server_id: str
    tool: str
    replica: str
    request_id: str
    client_id: str
    attempt: int
    job_id: str | None


@contextmanager
def processing(run: Processed, trace: Trace | None) -> Generator[Spot]:
    """The span of a tool that runs, below the place that its request carried; current for the tool's code."""
    if not is_in_use():
        yield Spot()
        return
    attributes = _attributes("process", run.server_id, run.tool, run.request_id, run.replica)
    attributes |= {"toolwire.client_id": run.client_id, "toolwire.attempt": run.attempt}
    if run.job_id is not None:
        attributes["toolwire.job_id"] = run.job_id
    with _spanned(f"process {run.tool}", "CONSUMER", attributes, _context_of(trace)) as spot:
        yield spot


@contextmanager
def _spanned(
    name: str, kind: Literal["PRODUCER", "CONSUMER"], attributes: Attributes, parent: "Context | None"
) -> Generator[Spot]:
    """A span around what goes on in here, which never fails because of it."""
    from opentelemetry.trace import SpanKind

    spot, span = Spot(), ExitStack()
    with _harmless("opening"):
        opening = _tracer().start_as_current_span(
            name,
            context=parent,
            kind=SpanKind[kind],
            attributes=attributes,
            record_exception=False,  # its text is not for whoever reads traces
            set_status_on_exception=False,
        )
        spot = Spot(span.enter_context(opening))
    try:
        yield spot
    except Exception as error:
        spot.failed(type(error).__name__)
        raise
    finally:
        with _harmless("closing"):
            span.close()


@contextmanager
def _harmless(doing: str) -> Generator[None]:
    """Samplers and processors are the program's own code: where they break, a span is lost and no work."""
    try:
        yield
    except Exception:
        if doing not in told_broken:
            told_broken.add(doing)
            log.exception("%s a span failed, which is told once: traces are incomplete", doing)


def _attributes(
    operation: Literal["send", "process"], server_id: str, tool: str, request_id: str, who: str
) -> Attributes:
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        # For RabbitMQ the conventions want exchange and routing key.
        "messaging.destination.name": f"{REQUESTS}:{request_key(server_id, tool)}",
        "messaging.message.conversation_id": request_id,
        "messaging.client.id": who,
    }


def _carried() -> Trace | None:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    if "traceparent" not in carrier:
        return None
    state = carrier.get("tracestate", "")
    return Trace(
        traceparent=carrier["traceparent"], tracestate=state if 0 < len(state) <= MOST_STATE else None
    )


def _context_of(trace: Trace | None) -> "Context":
    """The place that a request carried; a new trace where it carried none, whatever is current here."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {} if trace is None else {k: v for k, v in vars(trace).items() if v is not None}
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


@cache
def _tracer() -> "Tracer":
    """One for good: a provider that is set later is found through it."""
    from opentelemetry.trace import get_tracer

    return get_tracer("toolwire", version("toolwire"))
