"""Log records on stderr, one line each."""

import json
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


class LogFormat(StrEnum):
    """For whom records are written."""

    TEXT = "text"
    """People."""
    JSON = "json"
    """Programs."""


def log_to_stderr(level: Level, log_format: LogFormat = LogFormat.TEXT) -> None:
    """Write Toolwire's records from `level` on, and the warnings of all others.

    What the AMQP libraries say of a lost connection is for those who ask for `Level.DEBUG`: Toolwire tells it
    in a line of its own.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine() if log_format is LogFormat.TEXT else JsonLine())
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
        return _time(record)

    def format(self, record: logging.LogRecord) -> str:
        """The record's text."""
        return super().format(record).replace("\n", "\n    ")


class JsonLine(logging.Formatter):
    """One JSON object, in ASCII: `ts`, `level`, `logger`, `message`; then `event` and its fields, where a
    record has them (docs/metrics.md lists them), and `exception`, a traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record's text."""
        told: dict[str, object] = {
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event, fields = getattr(record, "event", None), getattr(record, "fields", None)
        if isinstance(event, str) and isinstance(fields, dict):
            told |= {"event": event, **fields}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str, separators=(",", ":"))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
