"""What a fuzz target is: where it starts from, and what must hold for any bytes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

DEFAULT_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is fed with bytes.

    `check` raises, whatever it is, where a promise is broken; it returns for every input that is merely bad.
    """

    seeds: Callable[[], Sequence[bytes]]
    """Good inputs, made by code: what the fuzzer begins to change."""
    check: Callable[[bytes], None]
    tokens: Sequence[bytes] = ()
    """Words that the fuzzer is to try, because it would be long in finding them."""
    json_from: int | None = None
    """Where a JSON text begins in the input, for changes that keep it JSON; None: there is none."""
    max_bytes: int = DEFAULT_MAX_BYTES
