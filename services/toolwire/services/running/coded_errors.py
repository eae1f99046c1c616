"""The service's own words for requests that ended without a result."""

from toolwire.contracts.errors import Code, WireError

RETRIES_EXHAUSTED = "retries_exhausted"
"""The `reason` of a job that asked for another attempt and cannot have one."""


def deadline_exceeded() -> WireError:
    """The error of a request whose deadline passed."""
    return WireError(
        code=Code.DEADLINE_EXCEEDED, message="the deadline passed before the tool was done", retryable=False
    )


def time_limit_exceeded(seconds: float) -> WireError:
    """The error of a request whose tool took longer than it may by its own declaration."""
    return WireError(
        code=Code.TIME_LIMIT_EXCEEDED,
        message=f"the tool took longer than its own limit of {seconds:g} seconds",
        retryable=False,
    )


def interrupted() -> WireError:
    """The error of a request whose replica was lost, and whose tool may not run twice."""
    return WireError(
        code=Code.INTERRUPTED,
        message="the replica that ran this was lost; it may have run in part, and may not run twice",
        retryable=False,
    )


def cancelled() -> WireError:
    """The error of a job that was cancelled."""
    return WireError(code=Code.CANCELLED, message="the job was cancelled", retryable=False)
