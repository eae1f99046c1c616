"""Why a message was put aside, in words, and what to do."""

from collections.abc import Mapping
from typing import NamedTuple


class Reason(NamedTuple):
    """One reason, explained."""

    said: str
    remedy: str


_MEND_SENDER = "Whoever sends it has to mend it; a Toolwire client sends no such thing."

DEAD: Mapping[str, Reason] = {
    "delivery_limit": Reason(
        "every replica that got it died of it, or gave it back, until the delivery limit was reached",
        "Look into the log of the service for what ended it (a crash, too little memory), mend that, and "
        "replay. It may have run in part: see whether that does harm.",
    ),
    "rejected": Reason(
        "a consumer gave it up", "Look into the log of the service at that time, mend that, and replay."
    ),
    "expired": Reason(
        "it waited longer in its queue than a policy allows", "Start more replicas, and replay."
    ),
    "maxlen": Reason("its queue was full", "Start more replicas, and replay."),
    "broken": Reason(
        "the service itself broke over it",
        "The log of the service has the traceback. Mend that, and replay. It may have run in part.",
    ),
    "invalid_envelope": Reason(
        "a known client signed it, but it is no request, and says no way home for an answer", _MEND_SENDER
    ),
    "unsupported_version": Reason(
        "a known client signed it in a version of the protocol that the service does not speak",
        "Upgrade the service or the client.",
    ),
}

JUNK: Mapping[str, Reason] = {
    "unknown_key": Reason(
        "no key of that id is in the registry of the service",
        "If you know the sender: have `toolwire keys export client ID` run there, take it in here (`toolwire "
        "keys import FILE --allow TOOL`), and replay.",
    ),
    "revoked_key": Reason(
        "its key is revoked",
        "If you know the sender: have a new key made on its machine (`toolwire keys rotate client ID`), and "
        "import it here.",
    ),
    "key_out_of_date": Reason(
        "its key is not good yet, or no longer, by the dates in the registry",
        "If you know the sender: have a new key made on its machine (`toolwire keys rotate client ID`) and "
        "import it here, or set the clocks.",
    ),
    "bad_signature": Reason(
        "the signature is not that of the key: it was changed on its way, or somebody poses as its owner",
        "Compare the fingerprints on both sides (`toolwire keys list`). If they are equal, look for whoever "
        "may publish to the broker.",
    ),
    "bad_envelope": Reason("it is no signed line: nothing in it names a key", _MEND_SENDER),
    "bad_lines": Reason("an empty line or a carriage return is in it", _MEND_SENDER),
    "too_large": Reason("it is over 1 MiB", _MEND_SENDER),
    "too_many_lines": Reason("it has more than 64 lines", _MEND_SENDER),
    "bad_content_type": Reason("its content type is not application/jsonl", _MEND_SENDER),
    "bad_content_encoding": Reason("it has a content encoding; nothing is unpacked", _MEND_SENDER),
    "malformed_properties": Reason(
        "its AMQP properties cannot be decoded, which kills consumers that are not on their guard",
        "Look for whoever may publish to the broker.",
    ),
    "control": Reason(
        "it is a word to the replicas that the service itself did not sign; such are counted and logged, and "
        "not kept",
        "Look for whoever may publish to the broker.",
    ),
}

FORBIDDEN = Reason("its key belongs to another client than the one that it names", _MEND_SENDER)
"""What may be found when a line is looked at again. No message is put aside for it: the service answers."""

UNKNOWN = Reason("nothing says why", "Look into the log of the service, or of the broker.")


def reason_of(word: str) -> Reason:
    """The reason of that name."""
    return {**DEAD, **JUNK, "forbidden": FORBIDDEN}.get(word, UNKNOWN)
