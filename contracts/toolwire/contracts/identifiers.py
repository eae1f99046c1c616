"""New ids, made from a time and random bytes that the caller brings, or from what came before."""

import hashlib

from toolwire.contracts.encoding import base64url

NONCE_BYTES = 16
UUID_RANDOM_BYTES = 10


def uuid7(now_ms: int, random: bytes) -> str:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of time, then 74 of the 80 random bits.

    Ids that sort by their time keep the store's index compact.
    """
    if len(random) != UUID_RANDOM_BYTES:
        raise ValueError(f"uuid7 needs {UUID_RANDOM_BYTES} random bytes, got {len(random)}")
    value = (now_ms & (1 << 48) - 1) << 80 | int.from_bytes(random, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def nonce(random: bytes) -> str:
    """A nonce: 128 random bits as base64url."""
    if len(random) != NONCE_BYTES:
        raise ValueError(f"a nonce needs {NONCE_BYTES} random bytes, got {len(random)}")
    return base64url(random)


def request_id_for(job_id: str, step: str) -> str:
    """The request id of the step that follows a job: always the same for that job and that step.

    Whoever reacts to an event submits under it, so that a repeated event does not run the step twice: the
    request is the same one, and gets the stored answer. Reacting to one job with several requests takes a
    step for each, such as "resize:small" and "resize:large".
    """
    # The length in front keeps ("ab", "c") and ("a", "bc") apart.
    text = f"toolwire-step-v1\n{len(job_id)}:{job_id}{step}"
    return f"step-{base64url(hashlib.sha256(text.encode()).digest())}"
