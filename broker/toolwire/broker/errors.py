"""What can go wrong between a program and its broker."""

# BrokerError
# ├── Away           no connection, or a broker that reads nothing; nothing was sent
# │   └── Closed     this object was closed by its owner
# ├── AccessDenied   the broker refuses the user
# ├── Misdeclared    a queue or exchange exists with other arguments
# ├── NoQueue        there is no queue of that name
# ├── Unroutable     returned: no queue is bound there
# ├── Refused        nacked: the queue is full or has no leader
# └── Unconfirmed    the time was up before the broker answered: it may have arrived


class BrokerError(Exception):
    """Anything that the broker layer raises. The text says what happened, where, and what to do."""


class Away(BrokerError):
    """There was no connection, or the broker read nothing, until the time was up. Nothing was sent."""


class Closed(Away):
    """The publisher or consumer was closed. Nothing was sent."""


class AccessDenied(BrokerError):
    """The broker refuses this user: the login, the virtual host, an exchange, a key, or a queue."""


class Misdeclared(BrokerError):
    """A queue or an exchange exists with other arguments than ours (406 PRECONDITION_FAILED)."""


class NoQueue(BrokerError):
    """There is no queue of that name in the virtual host."""


class Unroutable(BrokerError):
    """The broker returned the message: no queue is bound for it."""


class Refused(BrokerError):
    """The broker would not take the message, after retries on new channels: full, or leaderless.

    Where a key reaches several queues, another one may have taken it.
    """


class Unconfirmed(BrokerError):
    """The time was up before the broker confirmed. The message may have arrived, or may still arrive."""
