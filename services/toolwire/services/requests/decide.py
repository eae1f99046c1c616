"""What to do with an authentic request: plain functions from values to a plan, in the order of the protocol.

Nothing here waits, looks anything up or reads a clock.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import ValidationError

from toolwire.broker.topology import request_key
from toolwire.contracts.builtin import ANSWER_JOB, CANCEL_JOB, POLL_JOB
from toolwire.contracts.encoding import JsonText, sendable
from toolwire.contracts.envelopes import Request
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import Status
from toolwire.contracts.meaning import meaning
from toolwire.contracts.registry import ClientEntry
from toolwire.contracts.tools import invalid_arguments
from toolwire.services.declaring.tools import ToolSpec
from toolwire.services.requests.authenticate import Authentic
from toolwire.services.requests.plans import (
    NOTHING,
    Accept,
    Answer,
    Claim,
    Leave,
    Plan,
    Reply,
    Run,
    prepare_arguments,
)
from toolwire.services.store.port import Record

_request_key = lru_cache(maxsize=1024)(request_key)
"""Names made once for each tool, not once a call."""

_ABOUT_A_JOB = (POLL_JOB, CANCEL_JOB, ANSWER_JOB)

SKEW_MS = 30_000
"""How far the clocks of a client and a service may differ."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What this service serves, and to whom."""

    server_id: str
    clients: Mapping[str, ClientEntry]
    tools: Mapping[str, ToolSpec]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the client has used of this replica so far."""

    running: int = 0
    """Its calls that run now."""
    wait_ms: int = 0
    """How long until its rate allows another request; 0: now."""
    nonce_seen: bool = False
    """Whether this replica saw the same nonce before and the broker does not call it a redelivery."""

    @property
    def counted(self) -> bool:
        """Whether the request took something from its client's rate."""
        return not self.nonce_seen and self.wait_ms == 0


def decide(
    authentic: Authentic, record: Record | None, usage: Callable[[], Usage], policy: Policy, now_ms: int
) -> Plan:
    """The plan for one request. Of several reasons to refuse, the first in the protocol's order is given.

    `usage` is asked where nothing speaks against the request but limits, the tool and its arguments: then it
    is to be counted in what its client uses. What somebody else publishes again, here or elsewhere, is not.
    If it were counted, whoever can read one request could use up the rate of its client.
    """
    client = _client_of(authentic, policy)
    if client is None:
        return refuse(Code.FORBIDDEN, "the key that signed belongs to another client")
    if misled := _misled(authentic, policy):
        return misled
    request = authentic.request
    if record is not None:
        return again(record, meaning(request))
    if stale := _stale(request, client, now_ms):
        return stale
    spec = policy.tools.get(request.tool)
    return _limited(usage(), client, spec) or _admit(authentic, client, spec)


def again(record: Record, meant: str) -> Plan:
    """The plan for a request that has a record: its stored answer, or its owner's."""
    if record.meaning != meant:
        return refuse(Code.REQUEST_ID_CONFLICT, "this request id was used for another request")
    if record.forgotten:
        left = refuse(Code.EXPIRED, "the request was answered, and its stored answer has left")
        return Answer(left.reply, on_record=True)
    if record.kind == "job":
        return Answer(accepted(record), on_record=True)
    if not record.status.final:
        return Leave("running")
    return Answer(stored(record), on_record=True)


def accepted(record: Record) -> Reply:
    """The answer to a submission that is on record."""
    return Reply(Status.ACCEPTED, sendable({"job_id": record.job_id}))


def stored(record: Record) -> Reply:
    """The answer that a finished call's record holds."""
    if record.error is not None:
        return Reply(record.status, error=WireError.model_validate_json(record.error))
    return replied(record.tool, NOTHING if record.result is None else JsonText(record.result))


def replied(tool: str, result: JsonText) -> Reply:
    """The answer that a result makes: where it is the snapshot of a job, with the status of that."""
    if tool in _ABOUT_A_JOB:
        return Reply(Status(json.loads(result)["status"]), result)
    return Reply("ok", result)


def refuse(code: Code, message: str, *, retry_after_ms: int | None = None) -> Answer:
    """A signed refusal. One with `retry_after_ms` belongs to this attempt alone."""
    error = WireError(
        code=code, message=message, retryable=retry_after_ms is not None, retry_after_ms=retry_after_ms
    )
    return Answer(Reply(Status.ERROR, error=error))


def _client_of(authentic: Authentic, policy: Policy) -> ClientEntry | None:
    """The client that signed, if it speaks for itself."""
    owner = authentic.key.owner
    return policy.clients.get(owner) if authentic.request.client_id == owner else None


def _misled(authentic: Authentic, policy: Policy) -> Plan | None:
    """The refusal of a request that was meant for somewhere else."""
    request = authentic.request
    if request.server_id != policy.server_id:
        return refuse(Code.WRONG_SERVER, "the request is for another server")
    if authentic.routing_key != _request_key(request.server_id, request.tool):
        return refuse(Code.WRONG_DESTINATION, "the message was sent to another tool's destination")
    return None


def _stale(request: Request, client: ClientEntry, now_ms: int) -> Plan | None:
    """Freshness. Age alone never refuses: a request may wait in its queue until its deadline."""
    if request.ts_ms > now_ms + SKEW_MS:
        return refuse(Code.CLOCK_SKEW, f"ts_ms lies {request.ts_ms - now_ms} ms ahead of the service's clock")
    if now_ms > request.deadline_ms + SKEW_MS:
        return refuse(Code.EXPIRED, f"the deadline passed {now_ms - request.deadline_ms} ms ago")
    if not 0 < request.deadline_ms - request.ts_ms <= client.max_ttl_s * 1000:
        return refuse(
            Code.TTL_TOO_LONG, f"the deadline must lie after ts_ms, by at most {client.max_ttl_s} seconds"
        )
    return None


def _limited(usage: Usage, client: ClientEntry, spec: ToolSpec | None) -> Plan | None:
    if usage.nonce_seen:
        # Silence for a line that was here before and left no record, whatever its client uses meanwhile.
        return Leave("repeated")
    if usage.wait_ms > 0:
        return refuse(Code.RATE_LIMITED, "too many requests", retry_after_ms=usage.wait_ms)
    if spec is not None and not spec.takes_place:
        return None  # whoever is busy can still submit, poll and cancel
    if client.max_running is not None and usage.running >= client.max_running:
        return refuse(
            Code.RATE_LIMITED, f"{usage.running} calls of this client are running", retry_after_ms=100
        )
    return None


def _admit(authentic: Authentic, client: ClientEntry, spec: ToolSpec | None) -> Plan:
    request = authentic.request
    if spec is None or not (spec.builtin or client.allows(request.tool)):
        return refuse(Code.TOOL_NOT_AVAILABLE, "there is no such tool for this client")
    if request.tool_rev is not None and request.tool_rev != spec.descriptor.tool_rev:
        return refuse(
            Code.TOOL_CHANGED, "the tool is not the one that tool_rev pins; read the catalogue again"
        )
    if unmet := _unschedulable(request, client, spec):
        return refuse(Code.INVALID_SCHEDULE, unmet)
    try:
        prepared = prepare_arguments(spec, request.args)
    except ValidationError as error:
        return Answer(Reply(Status.ERROR, error=invalid_arguments(spec.name, error)))
    except Exception as error:  # noqa: BLE001 - a tool's own validator may raise anything
        return _broken_validator(authentic, error)
    if spec.kind == "job":
        return Accept(prepared, meaning(request))
    if spec.recorded:
        return Claim(prepared, meaning(request))
    return Run(prepared)


def _unschedulable(request: Request, client: ClientEntry, spec: ToolSpec) -> str | None:
    """Why a job cannot wait as the request wants it to, if it cannot."""
    run_at_ms, priority = request.run_at_ms, request.priority
    if run_at_ms is None and priority is None:
        return None
    if spec.kind != "job":
        return "only a job can wait: run_at_ms and priority are not for tools"
    if run_at_ms is not None and not request.ts_ms < run_at_ms < request.deadline_ms:
        return "run_at_ms must lie after ts_ms and before deadline_ms"
    if priority is not None and priority > client.max_priority:
        return f"this client may ask for priorities up to {client.max_priority}"
    return None


def _broken_validator(authentic: Authentic, error: Exception) -> Answer:
    # The id only has to lead from the answer to the log: the digest of the line does, and needs no chance.
    wire = WireError(
        code=Code.INTERNAL,
        message="the tool broke over its arguments; its operator can find the error id in the log",
        retryable=False,
        data={"error_id": authentic.digest[:16]},
    )
    return Answer(Reply(Status.ERROR, error=wire), broke=error)
