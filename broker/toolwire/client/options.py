"""How to ask, as opposed to what: options never mix with a tool's arguments."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from typing_extensions import Unpack

from toolwire.contracts.errors import UsageError
from toolwire.contracts.names import ID_PATTERN, MAX_PRIORITY, is_id

JOB_DEADLINE_S = 24 * 3600.0
LONGEST_S = 1e11
"""Any time in seconds; all of them together, counted from now, are a time that the protocol can tell."""


class Changes(TypedDict, total=False):
    """What `options` takes; None stands for "as it is". `Options` says what each means."""

    timeout: float | None
    deadline: float | None
    request_id: str | None
    tool_rev: str | None
    server: str | None
    delay: float | None
    run_at: datetime | None
    priority: int | None


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for every call and submission that is made with them."""

    timeout: float
    """Seconds to wait for the answer to a call, which is its deadline too, or for `accepted`."""
    server: str | None = None
    """The server to ask."""
    deadline: float = JOB_DEADLINE_S
    """Seconds that a submitted job may take, from when it may start to its end."""
    request_id: str | None = None
    """The idempotency key; None: a new one for every call."""
    tool_rev: str | None = None
    """The tool's revision to insist on, from the catalogue."""
    delay: float | None = None
    """Seconds for which a submitted job is not to start."""
    run_at: datetime | None = None
    """When a submitted job may start, with its time zone."""
    priority: int | None = None
    """From -9 to 9, 0 where nothing is said: of the submitted jobs that wait, the highest goes first."""

    def __post_init__(self) -> None:
        for name in ("timeout", "deadline", "delay"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds <= LONGEST_S:
                raise UsageError(
                    f"{name} must be a positive number of seconds, at most {LONGEST_S:g}, not {seconds}"
                )
        for name in ("server", "request_id"):
            value = getattr(self, name)
            if value is not None and not is_id(value):
                raise UsageError(f"{name} must match {ID_PATTERN}; {value!r} does not")

        if self.run_at is not None and self.run_at.utcoffset() is None:
            raise UsageError("run_at must have a time zone, such as datetime.now(UTC) has")
        if self.run_at is not None and self.delay is not None:
            raise UsageError("run_at and delay are two ways to say one thing: give one of them")
        if self.priority is not None and not _is_priority(self.priority):
            raise UsageError(
                f"priority must be an integer from -{MAX_PRIORITY} to {MAX_PRIORITY}, not {self.priority}"
            )

    def but(self, **given: Unpack[Changes]) -> "Options":
        """These options, changed by what is given; None stands for "as it is"."""
        changed = {name: value for name, value in given.items() if value is not None}
        return replace(self, **changed)  # type: ignore[arg-type]  # the values of a TypedDict are objects to mypy

    @property
    def waits(self) -> bool:
        """Whether something is said of how a job waits, which a call never does."""
        return (self.delay, self.run_at, self.priority) != (None, None, None)

    def run_at_ms(self, now_ms: int) -> int | None:
        """When a job that is submitted now may start; None: at once. `UsageError` where that is over."""
        if self.delay is not None:
            return now_ms + round(self.delay * 1000)
        if self.run_at is None:
            return None
        run_at_ms = round(self.run_at.timestamp() * 1000)
        if run_at_ms <= now_ms:
            raise UsageError(f"run_at lies in the past: {self.run_at.isoformat()}. Leave it out to start now")
        return run_at_ms

    def asked_server(self) -> str:
        """The server to ask. `UsageError` where none was named."""
        if self.server is None:
            raise UsageError(
                "no server is named: pass server= to Client or options, set TOOLWIRE_SERVER, or write it "
                "into toolwire.toml"
            )
        return self.server


def _is_priority(value: object) -> bool:
    """Whether it is one on the wire, too, where 1.0 and true are none: not everybody has a type checker."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_PRIORITY
