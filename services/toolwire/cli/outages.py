"""An outage of the broker, told to who waits at a terminal."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager

from toolwire.cli.output import print_note

PATIENCE_S = 1.0
"""What lasts no longer, or ends the command with an error of its own, is not worth a word."""


@contextmanager
def notices(*, quiet: bool = False) -> Generator[None]:
    """Say on stderr, as long as the block lasts, when the broker is away and when it is back."""
    broker = logging.getLogger("toolwire.broker")
    teller, level = _Teller(), broker.level
    if not quiet:
        broker.setLevel(logging.INFO)
        broker.addHandler(teller)
    try:
        yield
    finally:
        broker.removeHandler(teller)
        teller.close()
        broker.setLevel(level)


class _Teller(logging.Handler):
    """Two connections log, often, what is one outage to the reader: its beginning and its end are told."""

    def __init__(self) -> None:
        super().__init__()
        self._away: asyncio.TimerHandle | None = None
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take what the connections log; they do so in the event loop."""
        if record.levelno < logging.WARNING:
            self._forget()
            if self._told:
                self._told = False
                print_note("the broker is back")
        elif self._away is None:
            loop = asyncio.get_running_loop()
            self._away = loop.call_later(PATIENCE_S, self._tell, record.getMessage())

    def close(self) -> None:
        """Say nothing more."""
        self._forget()
        super().close()

    def _forget(self) -> None:
        if self._away is not None:
            self._away.cancel()
            self._away = None

    def _tell(self, trouble: str) -> None:
        self._told = True
        print_note(f"the broker is away: {trouble}")
