"""The spans of one test. OpenTelemetry takes one provider for a process: this one can be switched off."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer, Span, Tracer, TracerProvider, set_tracer_provider


class Breaking(SpanProcessor):
    """Breaks over each span that opens or closes, where it is told to."""

    def __init__(self) -> None:
        self.over: str | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._break("opening")

    def on_end(self, span: ReadableSpan) -> None:
        self._break("closing")

    def _break(self, over: str) -> None:
        if self.over == over:
            raise RuntimeError(f"{over} a span breaks")


class _Switched(TracerProvider, Tracer):
    """Records while it is on, and is as good as no provider otherwise."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.on = False
        self.breaking = Breaking()
        sdk = SdkTracerProvider()
        sdk.add_span_processor(self.breaking)
        sdk.add_span_processor(SimpleSpanProcessor(self.exporter))
        self._recording = sdk.get_tracer("tests")
        self._silent = NoOpTracer()

    def get_tracer(self, *args: Any, **more: Any) -> Tracer:
        return self

    def start_span(self, *args: Any, **more: Any) -> Span:
        return self._now.start_span(*args, **more)

    def start_as_current_span(self, *args: Any, **more: Any) -> Any:
        return self._now.start_as_current_span(*args, **more)

    @property
    def _now(self) -> Tracer:
        return self._recording if self.on else self._silent


@cache
def _provider() -> _Switched:
    provider = _Switched()
    set_tracer_provider(provider)
    return provider


class Spans:
    """What was recorded in this test so far."""

    def __init__(self, exporter: InMemorySpanExporter, breaking: Breaking) -> None:
        self._exporter = exporter
        self.breaking = breaking

    def all(self, name: str) -> list[ReadableSpan]:
        """The spans of that name that have ended, oldest first."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The only span of that name."""
        [span] = self.all(name)
        return span


@pytest.fixture
def spans() -> Iterator[Spans]:
    """Record the spans of this test."""
    provider = _provider()
    provider.exporter.clear()
    provider.on = True
    yield Spans(provider.exporter, provider.breaking)
    provider.on = False
    provider.breaking.over = None


def ids(span: ReadableSpan) -> tuple[int, int]:
    """The span's trace, and the span itself."""
    context = span.get_span_context()
    assert context is not None
    return context.trace_id, context.span_id


def parent(span: ReadableSpan) -> tuple[int, int] | None:
    """The trace and the span that it stands below."""
    return None if span.parent is None else (span.parent.trace_id, span.parent.span_id)
