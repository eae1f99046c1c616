"""What a tool saves for its next attempt, such as how far it has come."""

import json
from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from toolwire.contracts.encoding import sendable

MAX_CHECKPOINT_BYTES = 1024 * 1024
"""It is read with the record, each time that the job is taken."""


class Checkpoint:
    """The value that was saved last, and the saving of the next one.

    `keep` puts a text where it lasts. What it returns is awaited by async tools; for a sync tool, in a thread
    or a process, it has waited already.
    """

    def __init__(self, saved: str | None, keep: Callable[[str], Awaitable[None]]) -> None:
        self.saved = saved
        """Canonical JSON."""
        self._keep = keep

    @property
    def value(self) -> JsonValue:
        """What was saved last; None where nothing was."""
        value: JsonValue = None if self.saved is None else json.loads(self.saved)
        return value

    def save(self, value: JsonValue) -> Awaitable[None]:
        """Keep a value. Raises `NotJson`, or `ValueError` where it is too large."""
        text = sendable(value)
        if (size := len(text.encode())) > MAX_CHECKPOINT_BYTES:
            raise ValueError(
                f"a checkpoint has at most {MAX_CHECKPOINT_BYTES} bytes of JSON, and this one {size}: keep "
                "what is large elsewhere, and save where it is"
            )
        kept = self._keep(text)
        self.saved = text
        return kept
