"""MODULE:ATTR as the service that it names."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from toolwire.contracts.errors import ConfigurationError
from toolwire.services import Service


def load_service(target: str) -> Service[Any]:
    """The service that `target` names. `ConfigurationError` says which part of it leads nowhere.

    The working folder is where its modules are looked for first. What the module raises passes through.
    """
    module_name, _, path = target.partition(":")
    if not (module_name and path):
        raise ConfigurationError(
            f"{target!r} names no service: write MODULE:ATTR, such as app:service for `service` in app.py"
        )
    if "" not in sys.path:
        sys.path.insert(0, "")
    _check_module(module_name)
    found: Any = import_module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            raise ConfigurationError(
                f"{target!r}: there is no {name!r} in {getattr(found, '__name__', found)!r}"
            )
        found = getattr(found, name)
    if not isinstance(found, Service):
        raise ConfigurationError(f"{target!r} is no Service but of type {type(found).__name__!r}")
    return found  # pyright: ignore[reportUnknownVariableType] - what its lifespan yields is its own affair


def _check_module(name: str) -> None:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is None:
        raise ConfigurationError(
            f"there is no module {name!r} here or among what is installed: run this in the folder that has it"
        )
