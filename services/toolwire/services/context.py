"""What a tool may know and say while it runs."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from toolwire.contracts.envelopes import Trace
from toolwire.contracts.snapshots import Progress

A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext(Generic[A]):
    """The request behind a running tool. All of it was signed by the client, but for `state`."""

    state: A
    """What the service's lifespan yielded."""
    client_id: str
    request_id: str
    tool: str
    deadline_ms: int
    """When the caller stops waiting, in milliseconds since 1970; the tool is ended then."""
    attempt: int = 1
    """1 for the first run of this request."""
    trace: Trace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(ToolContext[None]):
    """Who calls a built-in tool, and under which key."""

    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext(ToolContext[A]):
    """A running job."""

    job_id: str
    report: Callable[[Progress], None]
    """Where progress goes; safe to call from any thread."""

    def progress(self, fraction: float, message: str = "") -> "Said":
        """Say how far the job is: `fraction` from 0 to 1, `message` of at most 500 characters.

        Never waits: the last value is told, at most five times a second. `await` it or not, as you like.
        Raises pydantic's `ValidationError` where the values are out of range.
        """
        self.report(Progress(fraction=float(fraction), message=message))
        return Said()


class Said:
    """Awaitable and already done, so that async tools may await what sync tools just call."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()
