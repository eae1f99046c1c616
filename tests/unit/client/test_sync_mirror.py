"""`SyncClient` has what `Client` has: the same names, with the same parameters, in every overload."""

import inspect
import re
from collections.abc import Callable
from typing import Any, get_overloads

import pytest

from toolwire.client import Client, Job, SyncClient, SyncJob
from toolwire.client.calls import Calls
from toolwire.client.sync_calls import SyncCalls
from toolwire.client.sync_watching import SyncWatching
from toolwire.client.watching import Watching

PAIRS: list[tuple[type[Any], type[Any]]] = [
    (Client, SyncClient),
    (Calls, SyncCalls),
    (Job, SyncJob),
    (Watching, SyncWatching),
]
SYNC_WORDS = {
    "Client": "SyncClient",
    "Calls": "SyncCalls",
    "Job": "SyncJob",
    "Watching": "SyncWatching",
}


def public(kind: type[Any]) -> dict[str, Any]:
    names = {name for each in kind.__mro__[:-1] for name in vars(each) if not name.startswith("_")}
    return {name: inspect.getattr_static(kind, name) for name in sorted(names)}


METHODS = [
    pytest.param(found, vars(other).get(name), id=f"{kind.__name__}.{name}")
    for kind, other in PAIRS
    for name, found in public(kind).items()
    if inspect.isfunction(found) and name in vars(kind)
]


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_the_same_names(kind: type[Any], other: type[Any]) -> None:
    assert set(public(other)) == set(public(kind))
    assert [isinstance(found, property) for _, found in sorted(public(other).items())] == [
        isinstance(found, property) for _, found in sorted(public(kind).items())
    ]


@pytest.mark.parametrize(("method", "mirrored"), METHODS)
def test_the_same_parameters(method: Callable[..., Any], mirrored: Callable[..., Any] | None) -> None:
    assert mirrored is not None
    assert not inspect.iscoroutinefunction(mirrored)
    if get_overloads(method):
        assert list(map(told, get_overloads(mirrored))) == list(map(expected, get_overloads(method)))
    else:
        assert told(mirrored) == expected(method)


def test_the_same_ways_to_make_one() -> None:
    assert told(SyncClient.__init__) == expected(Client.__init__)


def told(function: Callable[..., Any]) -> list[str]:
    """The parameters with kinds, defaults and annotations, then the result, by the last part of its name."""
    signature = inspect.signature(function)
    gives = signature.return_annotation
    shown = gives if isinstance(gives, str) else inspect.formatannotation(gives)
    return [*map(str, signature.parameters.values()), re.sub(r"[\w.]*\.(?=\w)", "", shown)]


def expected(function: Callable[..., Any]) -> list[str]:
    """What the function for callers without an event loop has to tell."""
    *parameters, gives = told(function)
    gives = re.sub(r"^AsyncGenerator\[(.*)\]$", r"Generator[\1, None]", gives)  # it returns something, too
    return [*parameters, re.sub(r"\w+", lambda word: SYNC_WORDS.get(word[0], word[0]), gives)]
