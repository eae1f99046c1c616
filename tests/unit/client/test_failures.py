"""Every error of the broker layer is one of a call's, and no other way leads out."""

import inspect

import pytest

from toolwire.broker import errors as broker
from toolwire.client.failures import TABLE, told
from toolwire.contracts import errors

EXPECTED: dict[type[broker.BrokerError], type[errors.ToolwireError]] = {
    broker.Away: errors.BrokerAway,
    broker.Closed: errors.ClientClosed,
    broker.AccessDenied: errors.AccessDenied,
    broker.Misdeclared: errors.ConfigurationError,
    broker.Unroutable: errors.NoSuchServer,
    broker.Refused: errors.QueueFull,
    broker.Unconfirmed: errors.DeadlineExceeded,
}

NOT_OF_A_CALL = {broker.NoQueue}
"""Only looking into a queue raises it, which no call does."""


def test_no_error_of_the_broker_layer_is_left_out() -> None:
    raised = {
        kind
        for _, kind in inspect.getmembers(broker, inspect.isclass)
        if issubclass(kind, broker.BrokerError) and kind is not broker.BrokerError
    }
    assert set(TABLE) == set(EXPECTED) == raised - NOT_OF_A_CALL


@pytest.mark.parametrize("kind", EXPECTED, ids=lambda kind: kind.__name__)
def test_an_error_of_the_broker_layer_is_told_as_the_callers(kind: type[broker.BrokerError]) -> None:
    failure = told(kind("what the broker said."), "server-1", "request-1")
    assert type(failure) is EXPECTED[kind]
    assert ".." not in str(failure)
