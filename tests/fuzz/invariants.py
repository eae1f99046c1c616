"""What holds for everything that a reader of messages accepts or answers."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

from pydantic import BaseModel

from tests.fuzz.reference import members_of, read_strictly, same, without_nulls
from tests.fuzz.signing import SECRET_WORD
from tests.unit.contracts import samples
from toolwire.client.answers import read_answer
from toolwire.contracts.envelopes import Envelope
from toolwire.contracts.errors import RemoteError, WireError
from toolwire.contracts.keys import Keyring, Signer
from toolwire.contracts.sealing import seal, unseal

FREE = {"request": ("args",), "response": ("result",), "event": ("output",), "control": ("data",)}
"""The members that may hold any JSON, and in which 1 and 1.0 differ."""


def check_accepted(envelope: Envelope, text: bytes, signer: Signer, keys: Keyring, now_ms: int) -> None:
    """An accepted envelope says what was signed, no more and no less, and can be sealed again."""
    told, read = (members_of(read_strictly(said)) for said in (text, envelope.payload().encode()))
    assert told is not None
    assert read is not None
    assert without_nulls(read) == without_nulls(told), "it says something else"
    for name in FREE[envelope.TYPE]:
        assert same(told.get(name), read.get(name)), f"{name} was changed"
    assert unseal(seal(envelope, signer), keys, type(envelope), now_ms) == envelope, "sealed, it is another"


def check_refusal(error: WireError, signer: Signer, keys: Keyring) -> None:
    """A refusal can be sent, is read as it was meant, has a class of its own, and repeats no value."""
    answer = samples.response(ok=False, status="error", result=None, error=error)
    line = seal(answer, signer)
    assert read_answer(line, keys, answer.client_id, "response", samples.NOW_MS) == answer, "it is lost"
    assert RemoteError.of(error).code is error.code
    words = error.model_dump(exclude={"fields": {"__all__": {"path"}}})  # a path names unknown fields
    assert SECRET_WORD not in repr(words), "it repeats what was sent"


def check_finite(value: object) -> None:
    """No argument that reaches a tool is infinite or not a number."""
    if isinstance(value, float | Decimal):
        assert math.isfinite(value), "a number that is none reaches the tool"
    elif isinstance(value, BaseModel):
        check_finite(vars(value))
    elif isinstance(value, Mapping):
        check_finite([*cast("Mapping[object, object]", value).items()])
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for each in cast("Iterable[object]", value):
            check_finite(each)
