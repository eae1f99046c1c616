"""Everything that Toolwire raises.

    ToolwireError
    ├── UsageError                 this program uses Toolwire wrongly; nothing was sent
    │   ├── DefinitionError        a tool, a service or an envelope that cannot be
    │   └── ConfigurationError     settings, keys or the registry
    │       └── KeyRefused         a key that must not be used
    ├── Unverified                 bytes that do not prove who wrote them
    ├── BadEnvelope                verified bytes that are not the envelope that was signed (in `sealing`)
    ├── CallFailed                 a call or a job that did not give its result
    │   ├── Undelivered            told here, by the broker or its absence
    │   │   ├── NoSuchServer       nothing is bound for that server
    │   │   ├── NoReplica          its queue is there, nobody serves it
    │   │   ├── QueueFull          the broker refused the message
    │   │   ├── BrokerAway         no broker could be reached
    │   │   └── AccessDenied       the broker refuses the user, or what the user wants
    │   ├── DeadlineExceeded       no answer in time
    │   │   ├── AnswerNotVerified  answers came, none could be verified
    │   │   ├── NotAccepted        a submission was not answered in time
    │   │   ├── JobNotOver         the wait for a job ended before the job did
    │   │   └── RemoteDeadlineExceeded  the service saw it pass and signed that: a RemoteError too
    │   ├── ClientClosed           the client was closed during the wait
    │   ├── ResultMismatch         the verified result is not what the caller's contract states
    │   │   └── NotAJob            a submitted tool answered at once: there is a result, and no job
    │   ├── RemoteError            the service's own signed refusal: one class for each code, below
    │   ├── JobFailed              the job ended in `error`
    │   └── JobCancelled           the job ended in `cancelled`
    └── ToolError                  raised by a tool, for its caller to see

A local error says what to do in its text. A remote one carries the coded `WireError` that the service
signed; its text never holds an exception's text or an echo of what was sent.
"""

import copyreg
from typing import Any, ClassVar

from pydantic import JsonValue

from toolwire.contracts.codes import RETRYABLE as RETRYABLE
from toolwire.contracts.codes import Code as Code
from toolwire.contracts.codes import FieldError as FieldError
from toolwire.contracts.codes import WireError as WireError


class ToolwireError(Exception):
    """The root of everything that Toolwire raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies and pickles keep text and attributes; Exception's own way would call __init__ with the text.
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]  # typeshed has no name for it


class UsageError(ToolwireError):
    """This program uses Toolwire in a way that cannot work; nothing was sent."""


class DefinitionError(UsageError):
    """A tool, a service or an envelope that cannot be."""


class ConfigurationError(UsageError):
    """Settings, key files or the registry are missing or wrong."""


class KeyRefused(ConfigurationError):
    """A key that must not be used: too short, of small order, badly encoded, or readable by others."""


class Unverified(ToolwireError):
    """Bytes that do not prove who wrote them. `reason` is one word for counters and the junk queue."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CallFailed(ToolwireError):
    """A call or a job that did not give its result."""


class Undelivered(CallFailed):
    """The broker did not take the request, or nobody is there to serve it."""


class NoSuchServer(Undelivered):
    """No queue is bound for the server on this broker and virtual host."""

    def __init__(self, server_id: str) -> None:
        super().__init__(
            f"no server {server_id!r} on this broker: nothing is bound for it. Check the name and the "
            "virtual host in the broker URL, and that the service was started there at least once."
        )
        self.server_id = server_id


class NoReplica(Undelivered):
    """The server's queue is there, but no replica consumes from it."""

    def __init__(self, server_id: str) -> None:
        super().__init__(
            f"no replica of {server_id!r} is running. Start one; the request stays in the queue and may "
            "still run before its deadline."
        )
        self.server_id = server_id


class QueueFull(Undelivered):
    """The broker refused the request: the server's queue is full or has no leader."""

    def __init__(self, server_id: str) -> None:
        super().__init__(
            f"the broker refused the request to {server_id!r}: its queue is full or without a leader. "
            "Nothing was queued; try again later or add replicas."
        )
        self.server_id = server_id


class BrokerAway(Undelivered):
    """No broker could be reached in time."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"no broker could be reached: {detail}. Check the broker URL and that RabbitMQ is up."
        )


class AccessDenied(Undelivered):
    """The broker refuses the user, or what the user wants to do there."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"the broker refuses: {detail}. Check the user in the broker URL, or ask the broker's operator "
            "for permission."
        )


class DeadlineExceeded(CallFailed):
    """No answer came by the deadline, or one that says no more than that it passed."""

    request_id: str | None = None

    def __init__(self, request_id: str | None, text: str | None = None) -> None:
        super().__init__(
            text
            or f"no answer to request {request_id!r} came by the deadline. It may have run; sending the same "
            "request id again is safe and gives the stored answer."
        )
        self.request_id = request_id


class AnswerNotVerified(DeadlineExceeded):
    """Messages came during the wait, but not one could be verified, and the deadline passed."""

    def __init__(self, request_id: str, reasons: tuple[str, ...]) -> None:
        super().__init__(
            request_id,
            f"what came while request {request_id!r} waited could not be verified ({', '.join(reasons)}), "
            "and the deadline passed. Check that the registry pins this server's current public key.",
        )
        self.reasons = reasons


class NotAccepted(DeadlineExceeded):
    """A submission was not answered in time; the job may come to be all the same."""

    def __init__(self, request_id: str) -> None:
        super().__init__(
            request_id,
            f"request {request_id!r} was not accepted in time. It may be later: submitting the same again "
            "under the same request id finds the job, and starts nothing twice. A service that does not know "
            "this key never answers: its operator sees why in `toolwire junk list`.",
        )


class JobNotOver(DeadlineExceeded):
    """The wait for a job's end is over, the job is not."""

    def __init__(self, job_id: str, request_id: str | None) -> None:
        super().__init__(
            request_id, f"job {job_id} was not over in time. It goes on: the same job id finds it later."
        )
        self.job_id = job_id


class ClientClosed(CallFailed):
    """The client was closed before the answer came."""

    def __init__(self) -> None:
        super().__init__(
            "the client was closed before the answer came. What was sent may run; keep the client open until "
            "its calls are over."
        )


class ResultMismatch(CallFailed):
    """A verified result that is not what the caller said to expect. `fields` says where, without values."""

    def __init__(self, tool: str, detail: str, fields: tuple[FieldError, ...] = ()) -> None:
        told = "; ".join([detail, *map(str, fields)])
        super().__init__(
            f"the result of {tool!r} is not what was expected of it: {told}. Compare the caller's contract "
            "with the server's catalogue (`list_tools`)."
        )
        self.tool = tool
        self.fields = fields


class NotAJob(ResultMismatch):
    """A submitted tool is no job: it ran, answered at once, and its result is in `result`."""

    def __init__(self, tool: str, result: JsonValue) -> None:
        CallFailed.__init__(
            self,
            f"{tool!r} is a tool, not a job: it ran and answered at once, so that there is nothing to follow."
            " Its result is in `result` of this error; use `call`.",
        )
        self.tool = tool
        self.fields = ()
        self.result = result


class JobFailed(CallFailed):
    """A job ended in `error`. `code`, `reason` and `data` are the service's signed words."""

    def __init__(self, job_id: str, error: WireError) -> None:
        super().__init__(f"job {job_id} failed: {describe(error)}")
        self.job_id = job_id
        self.error = error
        self.code = error.code
        self.reason = error.reason
        self.data = error.data


class JobCancelled(CallFailed):
    """A job ended in `cancelled`."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} was cancelled")
        self.job_id = job_id


class ToolError(ToolwireError):
    """Raised by a tool to tell its caller something: a reason for programs, a message for people.

    `reason` is at most 128 characters, `message` at most 2,000, `data` any JSON object; all three reach
    the caller as they are. Any other exception reaches the caller only as an opaque id.
    """

    def __init__(self, reason: str, message: str = "", data: dict[str, Any] | None = None) -> None:
        super().__init__(message or reason)
        self.reason = reason[:128]
        self.message = (message or reason)[:2000]
        self.data = data


class RemoteError(CallFailed):
    """A signed refusal by the service. Catch this one, or the class of one code."""

    code: ClassVar[Code]
    _classes: ClassVar[dict[Code, type["RemoteError"]]] = {}

    def __init__(self, error: WireError) -> None:
        CallFailed.__init__(self, describe(error))  # a class of one code may have a second base
        self.error = error
        self.message = error.message
        self.retryable = error.retryable
        self.retry_after_ms = error.retry_after_ms
        self.fields = error.fields or ()
        self.reason = error.reason
        self.data = error.data

    def __init_subclass__(cls, code: Code, **more: Any) -> None:
        super().__init_subclass__(**more)
        if code in RemoteError._classes:
            raise TypeError(f"{code} has a class already: {RemoteError._classes[code].__name__}")
        cls.code = code
        RemoteError._classes[code] = cls

    @staticmethod
    def of(error: WireError) -> "RemoteError":
        """The exception for a signed error."""
        return RemoteError._classes[error.code](error)


def describe(error: WireError) -> str:
    """One line for a signed error: code, reason and message, the fields that did not fit, the error id."""
    head = f"{error.code} ({error.reason})" if error.reason else str(error.code)
    parts = [f"{head}: {error.message}", *map(str, error.fields or ())]
    if error.code in (Code.INTERNAL, Code.RESULT_INVALID) and error.data:
        parts.append(f"error id {error.data.get('error_id')}")
    return "; ".join(parts)


# fmt: off
class InvalidEnvelope(RemoteError, code=Code.INVALID_ENVELOPE): ...
class UnsupportedVersion(RemoteError, code=Code.UNSUPPORTED_VERSION): ...
class Forbidden(RemoteError, code=Code.FORBIDDEN): ...
class WrongServer(RemoteError, code=Code.WRONG_SERVER): ...
class WrongDestination(RemoteError, code=Code.WRONG_DESTINATION): ...
class RequestIdConflict(RemoteError, code=Code.REQUEST_ID_CONFLICT): ...
class ClockSkew(RemoteError, code=Code.CLOCK_SKEW): ...
class Expired(RemoteError, code=Code.EXPIRED): ...
class TtlTooLong(RemoteError, code=Code.TTL_TOO_LONG): ...
class RateLimited(RemoteError, code=Code.RATE_LIMITED): ...
class Overloaded(RemoteError, code=Code.OVERLOADED): ...
class Unavailable(RemoteError, code=Code.UNAVAILABLE): ...
class ToolNotAvailable(RemoteError, code=Code.TOOL_NOT_AVAILABLE): ...
class ToolChanged(RemoteError, code=Code.TOOL_CHANGED): ...
class InvalidArguments(RemoteError, code=Code.INVALID_ARGS): ...
class ToolFailed(RemoteError, code=Code.TOOL_ERROR): ...
class InternalError(RemoteError, code=Code.INTERNAL): ...
class ResultInvalid(RemoteError, code=Code.RESULT_INVALID): ...
class ResultTooLarge(RemoteError, code=Code.RESULT_TOO_LARGE): ...
class RemoteDeadlineExceeded(RemoteError, DeadlineExceeded, code=Code.DEADLINE_EXCEEDED): ...
class RemoteCancelled(RemoteError, code=Code.CANCELLED): ...
class Interrupted(RemoteError, code=Code.INTERRUPTED): ...
class JobNotFound(RemoteError, code=Code.JOB_NOT_FOUND): ...
class InvalidSchedule(RemoteError, code=Code.INVALID_SCHEDULE): ...
class TimeLimitExceeded(RemoteError, code=Code.TIME_LIMIT_EXCEEDED): ...
class NotAsked(RemoteError, code=Code.NOT_ASKED): ...
# fmt: on
