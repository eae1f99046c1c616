"""Real lines of a call and of a job, sealed with keys of the test vectors, for asyncapi.yaml to show."""

from collections.abc import Mapping
from typing import Any

from spec.write.keys import KEYS, NOW_MS
from toolwire.contracts.encoding import base64url
from toolwire.contracts.envelopes import Control, Envelope, Event, Request, Response
from toolwire.contracts.errors import Code, WireError
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.keys import Ed25519Signer
from toolwire.contracts.sealing import digest, seal
from toolwire.contracts.snapshots import JobSnapshot, Progress

CLIENT, SERVER = "client-1", "server-1"
_JOB = "job-1"
_ENDS_MS = NOW_MS + 60_000


def sealed(envelope: Envelope) -> bytes:
    """The line, signed by the one who sends such envelopes."""
    owner = CLIENT if isinstance(envelope, Request) else SERVER
    return seal(envelope, Ed25519Signer(f"{owner}.ed", KEYS[f"{owner}.ed"].material))


def _request(tool: str, args: dict[str, Any]) -> Request:
    return Request(
        ts_ms=NOW_MS,
        server_id=SERVER,
        request_id=f"{tool}-1",
        nonce=base64url(tool.encode()[:16].ljust(16)),
        deadline_ms=_ENDS_MS,
        client_id=CLIENT,
        tool=tool,
        args=args,
        reply_to="desk-1",
    )


_CALL = _request("batch_sum", {"numbers": [1, 2.5, 3]})
_SUBMISSION = _request("start_long_task", {"seconds": 2, "payload": {"task": "demo"}})


def _answer(to: Request, status: Any, **outcome: Any) -> Response:
    return Response(
        ts_ms=NOW_MS + 20,
        server_id=SERVER,
        request_id=to.request_id,
        request_digest=digest(sealed(to)),
        client_id=CLIENT,
        ok="error" not in outcome,
        status=status,
        **outcome,
    )


def _event(name: EventName, at_ms: int, **snapshot: Any) -> Event:
    job = JobSnapshot(
        job_id=_JOB,
        server_id=SERVER,
        tool=_SUBMISSION.tool,
        attempt=1,
        created_ms=NOW_MS + 20,
        started_ms=NOW_MS + 30,
        updated_ms=at_ms,
        deadline_ms=_ENDS_MS,
        due_ms=None,
        question=None,
        error=None,
        **snapshot,
    )
    return Event(
        ts_ms=at_ms + 5,
        server_id=SERVER,
        request_id=_SUBMISSION.request_id,
        request_digest=digest(sealed(_SUBMISSION)),
        client_id=CLIENT,
        event=name,
        data=job,
    )


_HALF_WAY = Progress(fraction=0.5, message="1 of 2 seconds")
_NO_SUCH_TOOL = WireError(
    code=Code.TOOL_NOT_AVAILABLE, message="there is no such tool for this client", retryable=False
)

EXAMPLES: Mapping[str, Envelope] = {
    "call": _CALL,
    "submission": _SUBMISSION,
    "result": _answer(_CALL, "ok", result={"count": 3, "total": 6.5}),
    "acceptance": _answer(_SUBMISSION, Status.ACCEPTED, result={"job_id": _JOB}),
    "refusal": _answer(_CALL, Status.ERROR, error=_NO_SUCH_TOOL),
    "progress": _event(
        EventName.PROGRESS,
        NOW_MS + 1030,
        status=Status.RUNNING,
        seq=3,
        progress=_HALF_WAY,
        result=None,
        poll_after_ms=1000,
        final=False,
    ),
    "done": _event(
        EventName.DONE,
        NOW_MS + 2030,
        status=Status.DONE,
        seq=4,
        progress=_HALF_WAY,
        result={"payload": {"task": "demo"}, "duration_s": 2.5},
        poll_after_ms=None,
        final=True,
    ),
    "cancel": Control(ts_ms=NOW_MS, server_id=SERVER, action="cancel", data={"job_id": _JOB}),
}
"""By name: a call, a submission, what is answered to them and what the job tells."""
