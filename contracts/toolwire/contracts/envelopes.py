"""The four envelopes: what a request, a response, an event and a control message say.

Every model is strict and frozen and forbids fields that it does not know. A new field comes only
with a new `v`.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from toolwire.contracts.encoding import canonical
from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import FINAL_EVENTS, EventName, Status
from toolwire.contracts.names import Digest, Id, Millis, Nonce, ToolName
from toolwire.contracts.snapshots import JobSnapshot

VERSION: Literal["toolwire/1"] = "toolwire/1"

EnvelopeType = Literal["request", "response", "event", "control"]
Arguments = dict[str, JsonValue]


class Trace(BaseModel):
    """The caller's place in a distributed trace (W3C Trace Context)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    traceparent: Annotated[str, Field(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]
    tracestate: Annotated[str, Field(max_length=512)] | None = None


class Envelope(BaseModel):
    """What all envelopes share."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    TYPE: ClassVar[EnvelopeType]
    OPTIONAL: ClassVar[frozenset[str]] = frozenset()
    """Fields that stay off the wire when they are None; all others are always sent."""

    v: Literal["toolwire/1"] = VERSION
    ts_ms: Millis
    server_id: Id

    def payload(self) -> str:
        """The canonical JSON text that is signed and sent."""
        # All values are validated JSON or models of our own without aliases: `vars` writes those as they are,
        # and spares a copy of every argument.
        fields = {
            name: value
            for name, value in vars(self).items()
            if value is not None or name not in self.OPTIONAL
        }
        return canonical(fields, default=vars)


class Request(Envelope):
    """A client asks a server to run a tool."""

    TYPE = "request"
    OPTIONAL = frozenset({"tool_rev", "trace"})

    type: Literal["request"] = "request"
    request_id: Id
    """The idempotency key: the same over every attempt."""
    nonce: Nonce
    """Fresh for every attempt."""
    deadline_ms: Millis
    """The same over every attempt."""
    client_id: Id
    tool: ToolName
    args: Arguments
    reply_to: Id
    """The client's instance; the answer goes to the queue derived from it and the authenticated client."""
    tool_rev: Digest | None = None
    trace: Trace | None = None


class Response(Envelope):
    """A server's answer to one attempt of a request."""

    TYPE = "response"

    type: Literal["response"] = "response"
    request_id: Id
    request_digest: Digest
    client_id: Id
    ok: bool
    status: Annotated[Status, Field(strict=False)] | Literal["ok"]
    result: JsonValue = None
    error: WireError | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if self.ok == (self.error is not None):
            raise ValueError("an answer is ok or has an error, never both and never neither")
        return self


class Event(Envelope):
    """Something happened to a job; `data` is the job as a poll would show it at that moment."""

    TYPE = "event"
    OPTIONAL = frozenset({"output"})

    type: Literal["event"] = "event"
    request_id: Id
    request_digest: Digest
    client_id: Id
    event: Annotated[EventName, Field(strict=False)]
    data: JobSnapshot
    output: JsonValue = None
    """The piece of output, with event `output` only."""

    @model_validator(mode="after")
    def _tells_its_snapshot(self) -> Self:
        if self.event in FINAL_EVENTS and self.event.value != self.data.status.value:
            raise ValueError("the event that ends a job tells the status that the job ended in")
        if self.event is EventName.PROGRESS and self.data.progress is None:
            raise ValueError("a progress event tells how far the job is")
        if self.event is not EventName.OUTPUT and self.output is not None:
            raise ValueError("only an output event has output")
        return self


class Control(Envelope):
    """A server's word to its own replicas."""

    TYPE = "control"

    type: Literal["control"] = "control"
    action: Literal["cancel", "reload"]
    data: Arguments
