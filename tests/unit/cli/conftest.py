"""What the command line changes in its process is put back: here it runs in the process of the tests."""

import logging
import signal
from collections.abc import Iterator

import pytest

LOGGERS = ("", "toolwire", "toolwire.cli", "aiormq", "aio_pika")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """Put the levels and handlers of loggers, and the handlers of signals, back."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    heard = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in heard.items():
        signal.signal(number, handler)
    for logger, level, handlers in before:
        logger.setLevel(level)
        for added in [each for each in logger.handlers if each not in handlers]:
            logger.removeHandler(added)
