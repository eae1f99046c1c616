"""What finding a broker and finding a database have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

K = TypeVar("K", bound=str)


class NotToBeHad(Exception):
    """This machine cannot offer what is looked for; the message lists what was looked at."""


def named_in(environment: Mapping[str, str], variable: str, kinds: Sequence[K]) -> Sequence[K]:
    """The kind that a variable names, alone; none where it is not set. `NotToBeHad` for another word."""
    name = environment.get(variable)
    if name and name not in kinds:
        raise NotToBeHad(f"{variable} is {name!r}; it may be one of {', '.join(kinds)}")
    return [kind for kind in kinds if kind == name]


def first_of(what: str, kinds: Iterable[K], why_not: Callable[[K], str | None]) -> K:
    """The first kind that can be had. Raises `NotToBeHad`, with every reason."""
    missing: list[str] = []
    for kind in kinds:
        reason = why_not(kind)
        if reason is None:
            return kind
        missing.append(reason)
    raise NotToBeHad(f"no {what} to be had: " + "; ".join(missing))


def why_no_container(image: Callable[[], str]) -> str | None:
    """Why a container of that image cannot be started, if so. The image is pulled where it is missing."""
    try:
        # Imported here: docker and testcontainers belong to an extra.
        from toolwire.testing.containers import ContainerUnavailable, prepare_image

        name = image()
    except ImportError as error:
        return f"containers need {error.name}: pip install 'toolwire[testing]'"
    try:
        prepare_image(name)
    except ContainerUnavailable as error:
        return str(error)
    return None
