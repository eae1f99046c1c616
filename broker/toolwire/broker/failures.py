"""What a caller of `publish` is told when its message did not arrive, or may not have."""

from toolwire.broker.confirms import Outcome, Result
from toolwire.broker.errors import AccessDenied, Away, BrokerError, Refused, Unconfirmed, Unroutable
from toolwire.broker.gather import Parcel
from toolwire.broker.message import Outgoing


def doubting(parcel: Parcel, error: Exception) -> Exception:
    """The error for what cannot be sent now: it may have been sent before."""
    if not parcel.in_doubt:
        return error
    doubt = Unconfirmed(f"{error}; an earlier attempt may have arrived")
    doubt.__cause__ = error
    return doubt


def unread(what: str, timeout: float) -> Away:
    """The error for what was not sent, because the broker does not read what was sent before."""
    return Away(f"{what}: the broker reads nothing at present (an alarm?), it was not sent in {timeout:g} s")


def unconfirmed(message: Outgoing, timeout: float) -> Unconfirmed:
    """The error for what was sent and not answered."""
    return Unconfirmed(f"{_told(message)} was not confirmed within {timeout:g} s; it may have arrived")


def failure(message: Outgoing, result: Result) -> BrokerError:
    """The error for what the broker would not take."""
    told = _told(message)
    match result.outcome:
        case Outcome.RETURNED:
            return Unroutable(f"{told} came back: no queue is bound there")
        case Outcome.NOWHERE:
            return Unroutable(f"{told} went nowhere: {result.said}")
        case Outcome.DENIED:
            return AccessDenied(f"{told} is not allowed: {result.said}")
        case Outcome.NACKED:
            return Refused(
                f"{told} was refused by the broker: its queue is full, or has no leader at the moment. Try"
                " again later"
            )
        case _:
            return Refused(f"{told} was refused by the broker: {result.said}")


def _told(message: Outgoing) -> str:
    return f"message {message.message_id} to {message.route.exchange}, key {message.route.key!r},"
