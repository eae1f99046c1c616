"""When a job is tried again: how its author says so, and how long it waits until then."""

import math
import random
from dataclasses import dataclass
from typing import cast

from toolwire.contracts.errors import DefinitionError, ToolError, ToolwireError

_MOST_DOUBLINGS = 60
"""Any wait has reached its longest by then, and a float still holds the number."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a job waits for its next attempt: `first` seconds, twice as long each time, up to `longest`.

    Of each wait a random part, up to half, is left out, so that what broke together does not come back
    together. Raises `DefinitionError` unless `0 < first <= longest`.
    """

    first: float = 1.0
    longest: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.longest or math.isinf(1000 * self.longest):
            raise DefinitionError(
                f"{self}: the first wait must be more than 0 seconds, and the longest no shorter than that"
            )

    def wait_ms(self, attempt: int) -> int:
        """How long to wait after this attempt, in milliseconds; 1 is the first."""
        whole = 1000 * min(self.longest, self.first * 2 ** min(attempt - 1, _MOST_DOUBLINGS))
        return math.ceil(random.uniform(whole / 2, whole))  # noqa: S311 - jitter, not a secret


class Retry(ToolwireError):
    """Raised by a job to be tried again, whatever its `retry_on` says: after so many seconds, or its backoff.

    Where no attempt is left, or the next would begin at or after the deadline, the job fails with the code
    `tool_error` and the reason `retries_exhausted`; then the caller sees `message`, at most 2,000 characters.
    Raises `ValueError` where `after` is no length of time.
    """

    def __init__(self, after: float | None = None, message: str = "") -> None:
        if after is not None and not 0 <= after < math.inf:
            raise ValueError(f"Retry(after={after!r}): a number of seconds from 0 on is needed")
        super().__init__(message or "the job asks to be tried again")
        self.after = after
        self.message = message[:2000]


class Fail(ToolError):
    """Raised by a job that is not to be tried again: `ToolError`, by the name that goes with `Retry`."""


def alone_in(error: BaseException) -> BaseException:
    """The exception itself, out of the groups in which it is alone: a task group makes one of a failure."""
    while isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        error, *others = group.exceptions
        if others:
            return group
    return error
