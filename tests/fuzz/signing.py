"""Signs any bytes as any type of envelope: what whoever holds a key can send."""

from collections.abc import Sequence

from tests.unit.contracts.samples import forge
from toolwire.contracts.envelopes import Envelope, EnvelopeType
from toolwire.contracts.keys import Signer

TYPES: tuple[EnvelopeType, ...] = ("request", "response", "event", "control")

CANARY = b"@@"
"""Stands in an input for a word that the fuzzer cannot know, and that no answer may hold."""
SECRET_WORD = "canary-5f1d9c3a7be2"


def signed(payload: bytes, signer: Signer, type_: EnvelopeType) -> tuple[bytes, bytes]:
    """The signed text, which ends in a brace whatever `payload` ended in, and its line."""
    text = payload.replace(CANARY, SECRET_WORD.encode())[:-1] + b"}"
    return text, forge(text, signer, type_=type_)


def seed(choices: Sequence[int], envelope: Envelope) -> bytes:
    """An input: choices, one in each byte, then the envelope's text."""
    return bytes(choices) + envelope.payload().encode()
