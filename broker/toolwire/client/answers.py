"""Which lines that reach a client are answers to it: the client's checks, in their order.

Plain functions over values; `now_ms` is an argument. What fails is a `Drop` with one word for a counter.

    malformed properties · content type, encoding · size, lines · kid pinned · signature · envelope
    server_id is the key's owner · client_id is mine · then `ledger` matches it with what was asked
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from toolwire.contracts.envelopes import EnvelopeType, Event, Response
from toolwire.contracts.errors import Unverified
from toolwire.contracts.keys import Keyring
from toolwire.contracts.lines import check_content, split_body
from toolwire.contracts.sealing import BadEnvelope, read, verify

Answer: TypeAlias = Response | Event

_RESPONSE_FIRST: tuple[EnvelopeType, ...] = ("response", "event")
_EVENT_FIRST: tuple[EnvelopeType, ...] = ("event", "response")


@dataclass(frozen=True, slots=True)
class Drop:
    """Not an answer. `attributable`: a pinned server signed it, so that it is not what somebody waits for."""

    reason: str
    attributable: bool = False


def lines_of(body: bytes, content_type: str | None, content_encoding: str | None) -> Sequence[bytes] | Drop:
    """The lines of a message's body."""
    try:
        check_content(content_type, content_encoding)
        return split_body(body)
    except Unverified as error:
        return Drop(error.reason)


def read_sealed(line: bytes, keys: Keyring, expect: Sequence[EnvelopeType], now_ms: int) -> Answer | Drop:
    """The response or event in a line, sealed as one of the expected types by the server that it names."""
    try:
        verified = verify(line, keys, expect, now_ms)
        answer = read(verified, Response) if verified.type == "response" else read(verified, Event)
    except Unverified as error:
        return Drop(error.reason)
    except BadEnvelope:
        return Drop("invalid_envelope")
    if answer.server_id != verified.key.owner:
        return Drop("foreign_key")
    if isinstance(answer, Event) and answer.data.server_id != answer.server_id:
        return Drop("foreign_job", attributable=True)
    return answer


def read_answer(
    line: bytes, keys: Keyring, client_id: str, told_type: str | None, now_ms: int
) -> Answer | Drop:
    """The answer in a line that a pinned server sealed for this client.

    `told_type`, the unsigned type of the message, only says which signature is tried first.
    """
    answer = read_sealed(line, keys, _EVENT_FIRST if told_type == "event" else _RESPONSE_FIRST, now_ms)
    if not isinstance(answer, Drop) and answer.client_id != client_id:
        return Drop("not_mine", attributable=True)
    return answer
