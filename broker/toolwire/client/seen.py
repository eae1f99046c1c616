"""What a watcher sees: an event of a job, and whose job it is."""

from dataclasses import dataclass
from typing import Any, TypeVar, overload

from pydantic import JsonValue, TypeAdapter

from toolwire.client.results import reader_as, reader_of, result_of
from toolwire.contracts.envelopes import Event
from toolwire.contracts.errors import UsageError
from toolwire.contracts.events import JobEvent, event_of
from toolwire.contracts.snapshots import JobSnapshot
from toolwire.contracts.tools import Contract

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Seen:
    """A verified event of a job: whose job it is, by which request, and what was told."""

    client_id: str
    request_id: str
    event: JobEvent

    @property
    def snapshot(self) -> JobSnapshot:
        """The whole job as it stood at the event. `seq` counts the job's events: a gap in it is one here."""
        return self.event.snapshot

    @property
    def job_id(self) -> str:
        return self.snapshot.job_id

    @property
    def server_id(self) -> str:
        return self.snapshot.server_id

    @property
    def tool(self) -> str:
        return self.snapshot.tool

    @overload
    def result(self, returns: Contract[..., R], /) -> R: ...
    @overload
    def result(self, returns: type[R] | TypeAdapter[R], /) -> R: ...
    @overload
    def result(self, returns: None = None, /) -> JsonValue: ...
    def result(self, returns: Contract[..., Any] | type[Any] | TypeAdapter[Any] | None = None, /) -> Any:
        """The job's result, read by its tool's contract or as a type.

        Raises like `Job.result`: `JobFailed`, `JobCancelled`, `ResultMismatch`. `UsageError` where the event
        does not end its job, or the contract is another tool's.
        """
        if not self.snapshot.final:
            raise UsageError(
                f"this event does not end job {self.job_id}: it has a result once `snapshot.final` is true"
            )
        if not isinstance(returns, Contract):
            return result_of(self.snapshot, reader_as(self.tool, returns))
        if returns.name != self.tool:
            raise UsageError(f"job {self.job_id} is one of {self.tool!r}, not of {returns.name!r}")
        return result_of(self.snapshot, reader_of(returns))


def seen(event: Event) -> Seen:
    """What a verified envelope tells a watcher."""
    return Seen(event.client_id, event.request_id, event_of(event))
