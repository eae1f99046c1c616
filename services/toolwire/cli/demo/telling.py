"""How the demo speaks: numbered steps, what is seen, and what was checked."""

from itertools import count

_numbers = count(1)


class NotAsPromised(Exception):
    """Something that the demo checks is not so."""


def step(title: str) -> None:
    """Begin a step."""
    print(f"\n{next(_numbers)}. {title}", flush=True)


def show(text: str) -> None:
    """Show what is seen."""
    print(f"   {text}", flush=True)


def check(holds: bool, claim: str) -> None:
    """Say what holds. `NotAsPromised` where it does not."""
    if not holds:
        raise NotAsPromised(claim)
    print(f"   ✓ {claim}", flush=True)
