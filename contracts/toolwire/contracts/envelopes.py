"""The four envelopes: what a request, a response, an event and a control message say.

Every model is strict and frozen and forbids fields that it does not know. A new field comes only
with a new `v`.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from toolwire.contracts.encoding import canonical
from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import STATUS_TOLD, EventName, Status
from toolwire.contracts.names import Digest, Id, Millis, Nonce, Priority, ToolName
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
    """The version of the protocol."""
    ts_ms: Millis
    """When it was sealed, by the sender's clock: milliseconds since 1970-01-01 UTC."""
    server_id: Id
    """The server that is asked, or that speaks."""

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
    OPTIONAL = frozenset({"tool_rev", "run_at_ms", "priority", "trace"})

    type: Literal["request"] = "request"
    """What it was signed as."""
    request_id: Id
    """The idempotency key: the same over every attempt."""
    nonce: Nonce
    """Fresh for every attempt."""
    deadline_ms: Millis
    """When nobody waits any more: milliseconds since 1970-01-01 UTC, the same over every attempt."""
    client_id: Id
    """Who asks: the owner of the key that signs."""
    tool: ToolName
    """What to run; the routing key names it too."""
    args: Arguments
    """By name, as the tool's `inputSchema` wants them."""
    reply_to: Id
    """The client's instance; the answer goes to the queue derived from it and the authenticated client."""
    tool_rev: Digest | None = None
    """Run only this revision of the tool, the `tool_rev` of its descriptor."""
    run_at_ms: Millis | None = None
    """A job is not to start before this time, which lies between `ts_ms` and the deadline."""
    priority: Priority | None = None
    """Which of the jobs that wait goes first: the one with the highest number; 0 where there is none."""
    trace: Trace | None = None
    """Where the call stands in the caller's trace."""


class Response(Envelope):
    """A server's answer to one attempt of a request."""

    TYPE = "response"

    type: Literal["response"] = "response"
    """What it was signed as."""
    request_id: Id
    """The request that it answers."""
    request_digest: Digest
    """The attempt that it answers: base64url of SHA-256 over the request's whole line."""
    client_id: Id
    """Whom it answers."""
    ok: bool
    """Whether there is no error."""
    status: Literal["ok"] | Annotated[Status, Field(strict=False)]
    """`ok`: the tool answered; `accepted`: it is a job now; `error`: refused, or failed. `poll_job` and
    `cancel_job` are answered with the job's own status."""
    result: JsonValue = None
    """What the tool returned, as its `outputSchema` says; for a submission the id of the job."""
    error: WireError | None = None
    """Why there is no result."""

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if self.ok == (self.error is not None):
            raise ValueError("an answer is ok or has an error, never both and never neither")
        if not self.ok and (self.status is not Status.ERROR or self.result is not None):
            raise ValueError("an answer that is not ok has the status `error`, and no result")
        return self


class Event(Envelope):
    """Something happened to a job; `data` is the job as a poll would show it at that moment."""

    TYPE = "event"
    OPTIONAL = frozenset({"output"})

    type: Literal["event"] = "event"
    """What it was signed as."""
    request_id: Id
    """The request that submitted the job."""
    request_digest: Digest
    """The newest attempt of that request: base64url of SHA-256 over its whole line."""
    client_id: Id
    """Whose job it is."""
    event: Annotated[EventName, Field(strict=False)]
    """What happened."""
    data: JobSnapshot
    """The job, just after that."""
    output: Annotated[tuple[JsonValue, ...], Field(strict=False, min_length=1)] | None = None
    """The pieces of output, oldest first, with event `output` only."""

    @model_validator(mode="after")
    def _tells_its_snapshot(self) -> Self:
        if self.data.status is not STATUS_TOLD[self.event]:
            raise ValueError("an event tells the status that it leads to")
        if self.event is EventName.PROGRESS and self.data.progress is None:
            raise ValueError("a progress event tells how far the job is")
        if (self.event is EventName.OUTPUT) != (self.output is not None):
            raise ValueError("an output event has its pieces, and no other has any")
        return self


class Control(Envelope):
    """A server's word to its own replicas."""

    TYPE = "control"

    type: Literal["control"] = "control"
    """What it was signed as."""
    action: Literal["cancel"]
    """What changed, so that a replica looks at its store now."""
    data: Arguments
    """What it is about. A hint: the store is the truth."""
