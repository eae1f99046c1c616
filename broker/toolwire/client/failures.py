"""The broker layer's errors as those of a call: the one place where they are converted."""

from collections.abc import Callable, Mapping

from toolwire.broker import errors as broker
from toolwire.contracts.errors import (
    AccessDenied,
    BrokerAway,
    ClientClosed,
    ConfigurationError,
    DeadlineExceeded,
    NoSuchServer,
    QueueFull,
    ToolwireError,
)

Told = Callable[[broker.BrokerError, str, str], ToolwireError]

TABLE: Mapping[type[broker.BrokerError], Told] = {
    broker.Away: lambda error, _server, _request: BrokerAway(_clause(error)),
    broker.Closed: lambda _error, _server, _request: ClientClosed(),
    broker.AccessDenied: lambda error, _server, _request: AccessDenied(_clause(error)),
    broker.Misdeclared: lambda error, _server, _request: ConfigurationError(str(error)),
    broker.Unroutable: lambda _error, server, _request: NoSuchServer(server),
    broker.Refused: lambda _error, server, _request: QueueFull(server),
    broker.Unconfirmed: lambda _error, _server, request: DeadlineExceeded(request),
}


def told(error: broker.BrokerError, server_id: str, request_id: str) -> ToolwireError:
    """What to raise to the caller who asked that server."""
    return TABLE[type(error)](error, server_id, request_id)


def _clause(error: Exception) -> str:
    return str(error).rstrip(".")
