"""Spans of clients and tools, and the place in the trace that goes from one to the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    get_current_span,
    get_tracer,
    use_span,
)
from opentelemetry.trace.span import TraceState

from tests.spans import Spans, ids, parent
from tests.unit.telemetry.looking import SERVER, SOON
from toolwire.client import Client, Job, NoSuchServer, RemoteError
from toolwire.client.tracing import MOST_STATE, Processed, Spot, processing, sending, told_broken
from toolwire.contracts.envelopes import Trace
from toolwire.services import JobContext, Service, ToolContext, ToolError
from toolwire.testing.bench import Bench
from toolwire.testing.memory import MemoryBroker

PLACE = Trace(traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", tracestate="vendor=1")
SECRET = "a secret that no trace may show"
RUN = Processed(SERVER, "add", "replica-1", "request-1", "client-1", attempt=1, job_id=None)


def service_over(clients: list[Client]) -> Service[None]:
    """A service whose tools say where they are in the trace, and one that asks another one."""
    service = Service(SERVER)

    @service.tool(read_only=True)
    async def where() -> str:
        return traced()

    @service.tool()
    def where_in_a_thread() -> str:
        return traced()

    @service.tool(read_only=True, context=True)
    async def told(ctx: ToolContext[None]) -> str | None:
        return None if ctx.trace is None else ctx.trace.traceparent

    @service.tool()
    async def ask_another() -> str:
        return str(await clients[0].call("where"))

    @service.tool()
    async def decline() -> None:
        raise ToolError("declined", SECRET)

    @service.tool()
    async def break_down() -> None:
        raise RuntimeError(SECRET)

    @service.job(max_attempts=2)
    async def stumble(ctx: JobContext[None]) -> str:
        if ctx.attempt == 1:
            raise RuntimeError(SECRET)
        return traced()

    return service


def traced() -> str:
    """The place in the trace here."""
    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}-{context.span_id:016x}"


def written(span_ids: tuple[int, int]) -> str:
    return f"{span_ids[0]:032x}-{span_ids[1]:016x}"


@pytest.fixture
def clients() -> list[Client]:
    """Whom the tool that asks another one asks with: the first of them."""
    return []


@pytest.fixture
def bench(tmp_path: Path, clients: list[Client]) -> Bench:
    return Bench(service_over(clients), tmp_path, MemoryBroker())


@pytest.mark.parametrize("tool", ["where", "where_in_a_thread"])
async def test_a_call_is_one_trace_and_the_tool_is_in_it(bench: Bench, spans: Spans, tool: str) -> None:
    async with bench.running() as replica, bench.client() as client:
        with get_tracer("agent").start_as_current_span("agent"):
            here = await client.call(tool)
    sent, run, agent = spans.one(f"send {tool}"), spans.one(f"process {tool}"), spans.one("agent")
    assert parent(sent) == ids(agent)
    assert parent(run) == ids(sent)
    assert here == written(ids(run))
    assert (sent.kind, run.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert sent.attributes is not None
    request_id = sent.attributes["messaging.message.conversation_id"]
    assert dict(sent.attributes) == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": f"tw.requests:{SERVER}.{tool}",
        "messaging.message.conversation_id": request_id,
        "messaging.client.id": client.client_id,
    }
    assert dict(run.attributes or {}) == {
        **sent.attributes,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.client.id": replica.name,
        "toolwire.client_id": client.client_id,
        "toolwire.attempt": 1,
    }
    assert {sent.status.status_code, run.status.status_code} == {StatusCode.UNSET}


async def test_a_tool_that_asks_another_goes_on_with_the_trace(
    bench: Bench, clients: list[Client], spans: Spans
) -> None:
    async with bench.running(), bench.client() as client:
        clients.append(client)
        innermost = await client.call("ask_another")
    outer, inner = spans.one("process ask_another"), spans.one("send where")
    assert parent(inner) == ids(outer)
    assert innermost == written(ids(spans.one("process where")))
    assert len({ids(span)[0] for span in (outer, inner, spans.one("process where"))}) == 1


async def test_every_attempt_at_a_job_is_below_what_submitted_it(bench: Bench, spans: Spans) -> None:
    async with bench.running(), bench.client() as client:
        job: Job[object] = await client.submit("stumble")
        here = await job.result(timeout=SOON)
    sent = spans.one("send stumble")
    first, second = spans.all("process stumble")
    assert parent(first) == parent(second) == ids(sent)
    assert here == written(ids(second))
    assert first.attributes is not None
    assert (first.attributes["toolwire.job_id"], first.attributes["error.type"]) == (job.id, "internal")
    assert (second.attributes or {})["toolwire.attempt"] == 2
    assert second.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(("tool", "code"), [("decline", "tool_error"), ("break_down", "internal")])
async def test_an_error_is_told_by_its_code_alone(bench: Bench, spans: Spans, tool: str, code: str) -> None:
    async with bench.running(), bench.client() as client:
        with pytest.raises(RemoteError):
            await client.call(tool)
    for span in (spans.one(f"send {tool}"), spans.one(f"process {tool}")):
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, code)
        assert (span.attributes or {})["error.type"] == code
        assert span.events == ()
        assert SECRET not in span.to_json()


async def test_what_never_got_there_is_told_by_its_class(bench: Bench, spans: Spans) -> None:
    async with bench.client() as client:
        with pytest.raises(NoSuchServer):
            await client.call("where")
    assert spans.one("send where").status.description == "NoSuchServer"


async def test_the_tool_is_told_the_place_that_was_signed(bench: Bench, spans: Spans) -> None:
    async with bench.running(), bench.client() as client:
        told = await client.call("told")
    assert str(told).startswith(f"00-{written(ids(spans.one('send told')))}-")


async def test_without_a_provider_nothing_is_sent_along(bench: Bench) -> None:
    async with bench.running(), bench.client() as client:
        assert await client.call("told") is None


def test_a_run_is_below_the_place_that_was_signed_whatever_is_current(spans: Spans) -> None:
    with get_tracer("tests").start_as_current_span("another"), processing(RUN, PLACE):
        pass
    assert parent(spans.one("process add")) == (int("a" * 32, 16), int("b" * 16, 16))
    context = spans.one("process add").get_span_context()
    assert context is not None
    assert context.trace_state.to_header() == "vendor=1"


@pytest.mark.parametrize("trace", [None, Trace(traceparent="00-" + "0" * 32 + "-" + "0" * 16 + "-01")])
def test_without_a_place_a_run_begins_a_trace(spans: Spans, trace: Trace | None) -> None:
    with get_tracer("tests").start_as_current_span("another"), processing(RUN, trace):
        pass
    assert parent(spans.one("process add")) is None


def test_a_state_that_no_request_can_carry_is_left_out(spans: Spans) -> None:
    short, long = TraceState([("vendor", "1")]), TraceState([(f"vendor{n}", "x" * 200) for n in range(3)])
    assert len(long.to_header()) > MOST_STATE
    for state, carried in ((short, "vendor=1"), (long, None)):
        with (
            processing(RUN, PLACE.model_copy(update={"tracestate": state.to_header()})),
            sending(SERVER, "add", "request-1", "client-1") as sent,
        ):
            assert sent.trace is not None
            assert sent.trace.tracestate == carried
    assert len(spans.all("send add")) == 2


@pytest.mark.parametrize("over", ["opening", "closing"])
async def test_tracing_that_breaks_costs_only_spans(
    bench: Bench, spans: Spans, over: str, caplog: pytest.LogCaptureFixture
) -> None:
    told_broken.clear()
    spans.breaking.over = over
    async with bench.running() as replica, bench.client() as client:
        assert await client.call("where")
        assert await client.call("where_in_a_thread")
        job: Job[object] = await client.submit("stumble")
        assert await job.result(timeout=SOON)
        with pytest.raises(RemoteError, match="tool_error"):
            await client.call("decline")
        assert replica.counts == {}
    assert [each.getMessage() for each in caplog.records if each.name == "toolwire.client"] == [
        f"{over} a span failed, which is told once: traces are incomplete"
    ]


@pytest.mark.parametrize("over", ["opening", "closing"])
def test_tracing_that_breaks_hides_no_error(spans: Spans, over: str) -> None:
    spans.breaking.over = over
    with pytest.raises(KeyError), processing(RUN, PLACE):
        raise KeyError
    assert not get_current_span().get_span_context().is_valid


def test_a_spot_that_breaks_is_told_and_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A span need not be of the SDK, and the place in the trace may be one that no request can carry."""

    class Bad(NonRecordingSpan):
        def set_attribute(self, key: str, value: object) -> None:
            raise RuntimeError(key)

        def get_span_context(self) -> SpanContext:
            raise RuntimeError

    told_broken.clear()
    bad = Bad(INVALID_SPAN_CONTEXT)
    with use_span(bad):
        assert Spot(bad).trace is None
    Spot(bad).failed("internal")
    assert len(caplog.records) == 2


def test_nothing_is_imported_for_those_who_do_not_trace_or_measure() -> None:
    code = (
        "import sys, toolwire.client, toolwire.services\n"
        "from toolwire.client.tracing import sending\n"
        "with sending('s', 't', 'r', 'c') as sent: assert sent.trace is None; sent.failed('x')\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"opentelemetry", "prometheus_client"} & {name.partition(".")[0] for name in loaded.split()}
