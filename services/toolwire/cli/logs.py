"""Log records on stderr, one line each."""

import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum


class Level(StrEnum):
    """From how serious on a record is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def log_to_stderr(level: Level) -> None:
    """Write Toolwire's records from `level` on, and the warnings of all others.

    What the AMQP libraries say of a lost connection is for those who ask for `Level.DEBUG`: Toolwire tells it
    in a line of its own.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("toolwire").setLevel(level.upper())
    hear_amqp(logging.NOTSET if level is Level.DEBUG else logging.CRITICAL)


def hear_amqp(level: int = logging.CRITICAL) -> None:
    """From which level on the AMQP libraries are heard: their tracebacks are not for users' terminals."""
    for name in ("aiormq", "aio_pika"):
        logging.getLogger(name).setLevel(level)


class OneLine(logging.Formatter):
    """Time in UTC, level, logger, message. A traceback's lines follow, indented: they begin no record."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatTime(  # noqa: N802 - logging's name
        self,
        record: logging.LogRecord,
        datefmt: str | None = None,  # noqa: ARG002 - the same
    ) -> str:
        """The time in UTC, to the millisecond."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        """The record's text."""
        return super().format(record).replace("\n", "\n    ")
