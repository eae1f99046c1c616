"""The exit codes of `toolwire`, and which error leads to which.

0    it went well; for `watch` and `submit --wait`: the job is done
1    the service said no, or the job ended in an error or was cancelled: the error is signed by the service;
     for `doctor`: there is an error among its findings (notes and warnings leave it 0);
     for `health`: the replica takes no requests now
2    the command line or the arguments cannot be what was meant; nothing was sent
3    something is missing or wrong on this machine: settings, keys, the registry, RabbitMQ itself
4    not delivered: no broker, no such server, no replica, a full queue; or no store
5    the time was up before an answer came
70   a mistake in Toolwire; its traceback is on stderr
130  interrupted
"""

from collections.abc import Mapping

from toolwire.broker.errors import BrokerError
from toolwire.broker.node import NodeError
from toolwire.contracts.errors import (
    CallFailed,
    ConfigurationError,
    DeadlineExceeded,
    ToolwireError,
    Undelivered,
    UsageError,
)

OK = 0
FAILED = 1
USAGE = 2
CONFIGURATION = 3
UNDELIVERED = 4
TOO_LATE = 5
BROKEN = 70
"""EX_SOFTWARE of sysexits.h."""
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count."""

HELP = (
    "Exit codes: 0 it went well · 1 the service said no, or the job failed · 2 wrong usage · 3 settings, "
    "keys or RabbitMQ are missing or wrong · 4 not delivered: no broker, no server, no replica · 5 no answer "
    "in time · 130 interrupted."
)

_CODES: Mapping[type[Exception], int] = {
    ConfigurationError: CONFIGURATION,
    UsageError: USAGE,
    DeadlineExceeded: TOO_LATE,
    Undelivered: UNDELIVERED,
    CallFailed: FAILED,
    ToolwireError: UNDELIVERED,
    BrokerError: UNDELIVERED,
    NodeError: CONFIGURATION,
}
"""The first class that fits decides: special ones stand before general ones. What is left of `ToolwireError`
is a store that is away."""

EXPECTED = (ToolwireError, BrokerError, NodeError)
"""What may happen to a command that is right; it is told in words, never as a traceback."""


def exit_code(error: Exception) -> int:
    """The exit code for an error that a command ended with."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), BROKEN)
