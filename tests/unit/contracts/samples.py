"""One valid example of everything that is signed, and the keys that sign it."""

from typing import Any

from toolwire.contracts.encoding import base64url
from toolwire.contracts.envelopes import Control, Envelope, Event, Request, Response
from toolwire.contracts.errors import WireError
from toolwire.contracts.jobs import EventName, Status
from toolwire.contracts.keys import Ed25519Signer, HmacKey, Key, Keyring, Signer, ed25519_verifier
from toolwire.contracts.snapshots import JobSnapshot, Progress, Question

NOW_MS = 1_800_000_000_000
DIGEST = base64url(bytes(32))
NONCE = base64url(bytes(16))

ED25519 = Ed25519Signer("client-key.1", bytes(range(32)))
HMAC = HmacKey("shared-key.1", b"a secret of thirty-two bytes....")
SIGNERS: tuple[Signer, ...] = (ED25519, HMAC)

KEYS = Keyring(
    [
        Key(ED25519.kid, "client-001", ed25519_verifier(ED25519.public_bytes(), ED25519.kid)),
        Key(HMAC.kid, "client-001", HMAC),
    ]
)


QUESTION = Question(key="Approval", prompt="Go on?", answer_schema={"type": "object"})


def snapshot(**changes: Any) -> JobSnapshot:
    """A running job, or what `changes` make of it: one that waits is due, one that is parked asks."""
    status = changes.get("status")
    fields: dict[str, Any] = {
        "job_id": "job-1",
        "server_id": "server-1",
        "tool": "start_long_task",
        "status": Status.RUNNING,
        "attempt": 1,
        "seq": 3,
        "progress": Progress(fraction=0.5, message="half way"),
        "result": None,
        "error": None,
        "created_ms": NOW_MS,
        "started_ms": NOW_MS + 1,
        "updated_ms": NOW_MS + 2,
        "due_ms": NOW_MS if status == Status.ACCEPTED else None,
        "question": QUESTION if status == Status.INPUT_REQUIRED else None,
        "deadline_ms": NOW_MS + 60_000,
        "poll_after_ms": 1000,
        "final": False,
    }
    return JobSnapshot(**{**fields, **changes})


DONE = snapshot(status=Status.DONE, final=True, result={"echo": [1, "é"]}, poll_after_ms=None)
WIRE_ERROR = WireError(code="internal", message="it broke", retryable=False, data={"error_id": "e1"})  # type: ignore[arg-type]  # read as a code
FAILED = snapshot(status=Status.ERROR, final=True, error=WIRE_ERROR, poll_after_ms=None)
CANCEL = WireError(code="cancelled", message="the job was cancelled", retryable=False)  # type: ignore[arg-type]  # read as a code
CANCELLED = snapshot(status=Status.CANCELLED, final=True, error=CANCEL, poll_after_ms=None)


def request(**changes: Any) -> Request:
    """A request to add three numbers, or what `changes` make of it."""
    fields: dict[str, Any] = {
        "ts_ms": NOW_MS,
        "server_id": "server-1",
        "request_id": "request-1",
        "nonce": NONCE,
        "deadline_ms": NOW_MS + 10_000,
        "client_id": "client-001",
        "tool": "batch_sum",
        "args": {"numbers": [1, 2.5, 3]},
        "reply_to": "instance-1",
    }
    return Request(**{**fields, **changes})


def response(**changes: Any) -> Response:
    """The answer to `request()`, or what `changes` make of it."""
    fields: dict[str, Any] = {
        "ts_ms": NOW_MS,
        "server_id": "server-1",
        "request_id": "request-1",
        "request_digest": DIGEST,
        "client_id": "client-001",
        "ok": True,
        "status": "ok",
        "result": {"count": 3, "total": 6.5},
    }
    return Response(**{**fields, **changes})


def event(**changes: Any) -> Event:
    """A job's progress event, or what `changes` make of it."""
    fields: dict[str, Any] = {
        "ts_ms": NOW_MS,
        "server_id": "server-1",
        "request_id": "request-1",
        "request_digest": DIGEST,
        "client_id": "client-001",
        "event": EventName.PROGRESS,
        "data": snapshot(),
    }
    return Event(**{**fields, **changes})


def control() -> Control:
    """A server's word to its replicas to look at a job again."""
    return Control(ts_ms=NOW_MS, server_id="server-1", action="cancel", data={"job_id": "job-1"})


ENVELOPES: tuple[Envelope, ...] = (request(), response(), event(), control())


def forge(payload: bytes, signer: Signer = ED25519, *, type_: Any = "request") -> bytes:
    """A line with a correct signature over any bytes: what a broken or hostile key owner can send."""
    signature = signer.sign(f"toolwire-sig-v1\n{type_}\n{signer.kid}\n".encode() + payload)
    return payload[:-1] + f',"signature":"{signer.kid}:{signature}"}}'.encode()
