"""MODULE:ATTR as the service that it names."""

import sys
import sysconfig
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from toolwire.contracts.errors import ConfigurationError, DefinitionError
from toolwire.services import Service


def load_service(target: str) -> Service[Any]:
    """The service that `target` names. `ConfigurationError` says which part of it leads nowhere.

    The working folder is where its modules are looked for first.
    """
    module_name, _, path = target.partition(":")
    if module_name.endswith(".py"):
        file = Path(module_name).with_suffix("")
        module = file.name if file.is_absolute() else ".".join(file.parts)
        raise ConfigurationError(f"{target!r} names a file: write {module}:{path or 'ATTR'}")
    if not (module_name and path):
        raise ConfigurationError(
            f"{target!r} names no service: write MODULE:ATTR, such as app:service for `service` in app.py"
        )
    if "" not in sys.path:
        sys.path.insert(0, "")
    found: Any = _module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            raise ConfigurationError(
                f"{target!r}: there is no {name!r} in {getattr(found, '__name__', found)!r}"
            )
        found = getattr(found, name)
    if not isinstance(found, Service):
        raise ConfigurationError(f"{target!r} is no Service but of type {type(found).__name__!r}")
    return found  # pyright: ignore[reportUnknownVariableType] - what its lifespan yields is its own affair


def _module(name: str) -> ModuleType:
    try:
        _check(name)
        return import_module(name)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{name} cannot be imported: {_told(error)}") from error


def _check(name: str) -> None:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is not None and not name.startswith(error.name):
            raise  # the package is there, and misses something itself
        spec = None
    if spec is None:
        raise ConfigurationError(
            f"there is no module {name!r} here or among what is installed: run this in the folder that has it"
        )


def _told(error: Exception) -> str:
    """What broke, and the line of the user's own code that it broke at."""
    said = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, DefinitionError):
        said = str(error)
    where = _last_own_line(error)
    return said if where is None or isinstance(error, SyntaxError) else f"{said}\n{where}"


def _last_own_line(error: Exception) -> str | None:
    """The last line of the traceback that is neither Python's, nor installed, nor ours."""
    places = sysconfig.get_paths()
    others = ("<frozen", places["stdlib"], places["purelib"], places["platlib"])
    own = [
        step
        for step in traceback.walk_tb(error.__traceback__)
        if not step[0].f_code.co_filename.startswith(others)
        and not step[0].f_globals.get("__name__", "").startswith("toolwire.")
    ]
    return "".join(traceback.StackSummary.extract(own[-1:]).format()).rstrip() if own else None
