"""A message on its way out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from toolwire.broker.topology import Route

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message: persistent, `application/jsonl`, without a priority.

    `message_id` is unique among what is in flight and stays over retries. `mandatory` asks the broker
    to return what no queue is bound for. `insist`: try again for a moment after a nack, which may be a
    leader's election; without it a nack is the end. `company`: how many lines may travel in one message
    with this one, itself counted; where it is more than 1, `body` is one line. What is published in the same
    turn of the loop with the same destination travels together.
    """

    route: Route
    body: bytes
    type: str
    message_id: str
    mandatory: bool = True
    insist: bool = True
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)
    company: int = 1
