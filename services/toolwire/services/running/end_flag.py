"""How a tool that nobody can cancel from outside learns that it is to end."""

from dataclasses import dataclass


class AttemptEnded(BaseException):
    """Raised by `ctx.check()` where the attempt has been ended: whatever the tool does now is told to nobody.

    No `Exception`, so that a tool's own `except Exception` lets it pass. `reason` is `cancelled` (its caller
    asked for it), `fenced` (another replica has the job), `draining` (the replica stops), `out_of_time` (the
    caller's deadline passed), `over_limit` (the tool's own) or, for what a tool has left behind, `over`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True, eq=False)
class EndFlag:
    """Set from the event loop, looked at from any thread."""

    reason: str | None = None
    """Why the attempt has been ended; None: it has not."""

    def set(self, reason: str) -> None:
        """End the attempt; the first reason stands."""
        if self.reason is None:
            self.reason = reason

    def check(self) -> None:
        """Raise `AttemptEnded` where it is set."""
        if self.reason is not None:
            raise AttemptEnded(self.reason)
