"""How to ask, as opposed to what: options never mix with a tool's arguments."""

import math
from dataclasses import dataclass, replace
from typing import Any

from toolwire.contracts.errors import UsageError
from toolwire.contracts.names import ID_PATTERN, is_id

JOB_DEADLINE_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for every call and submission that is made with them."""

    timeout: float
    """Seconds to wait for the answer to a call, which is its deadline too, or for `accepted`."""
    server: str | None = None
    """The server to ask."""
    deadline: float = JOB_DEADLINE_S
    """Seconds that a submitted job may take, from its submission to its end."""
    request_id: str | None = None
    """The idempotency key; None: a new one for every call."""
    tool_rev: str | None = None
    """The tool's revision to insist on, from the catalogue."""

    def __post_init__(self) -> None:
        for name in ("timeout", "deadline"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds > 0):
                raise UsageError(f"{name} must be a positive number of seconds, not {seconds}")
        for name in ("server", "request_id"):
            value = getattr(self, name)
            if value is not None and not is_id(value):
                raise UsageError(f"{name} must match {ID_PATTERN}; {value!r} does not")

    def but(self, **given: Any) -> "Options":
        """These options, changed by what is given; None stands for "as it is"."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def asked_server(self) -> str:
        """The server to ask. `UsageError` where none was named."""
        if self.server is None:
            raise UsageError(
                "no server is named: pass server= to Client or options, set TOOLWIRE_SERVER, or write it "
                "into toolwire.toml"
            )
        return self.server
